/** The editor of a person, on a file. */
import { failure } from '../errors.ts'
import { lendTerminal, whenLeaving } from './leaving.ts'

/** Opens the file in VISUAL or EDITOR, or vi; comes back when the editor has ended. */
export async function editFile(path: string, variables: ReadonlyMap<string, string>): Promise<void> {
  const editor = variables.get('VISUAL') || variables.get('EDITOR') || 'vi'
  const { split } = await import('shlex')
  const [program = 'vi', ...words] = split(editor)
  const { spawn } = await import('node:child_process')
  const status = await lendTerminal(
    () =>
      new Promise<number | null>((resolve, reject) => {
        const child = spawn(program, [...words, path], {
          stdio: 'inherit',
          env: Object.fromEntries(variables),
        })
        // Ended by a signal, we take the plaintext away; an editor that lived on could write it back.
        const forget = whenLeaving(() => child.kill('SIGKILL'))
        child.once('error', () => reject(failure('editor-missing', editor)))
        child.once('close', (code) => {
          forget()
          resolve(code)
        })
      }),
  )
  if (status !== 0) throw failure('editor-failed', editor)
}
