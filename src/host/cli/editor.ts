/** The editor of a person, on a file. */
import { realpathSync } from 'node:fs'
import { basename, join } from 'node:path'
import { failure } from '../errors.ts'
import { lendTerminal, whenLeaving } from '../files/cleanup.ts'
import { startProgram } from '../process.ts'

/** Vim copies what it edits to its history, undo files and backups, which are on disk: here it must not. */
const VIM_KEEPS_NOTHING = [
  '-n',
  '-i',
  'NONE',
  '-c',
  'silent! set noundofile',
  '-c',
  'silent! set nobackup nowritebackup',
]

/** Whether a program is vim, also where it is called vi. */
function isVim(program: string, variables: ReadonlyMap<string, string>): boolean {
  const candidates = program.includes('/')
    ? [program]
    : (variables.get('PATH') ?? '').split(':').map((directory) => join(directory, program))
  for (const path of candidates) {
    try {
      return /^n?vim(?:\.\w+)?$/.test(basename(realpathSync(path)))
    } catch {
      // Not in this directory.
    }
  }
  return false
}

/** Opens the file in VISUAL or EDITOR, or vi; comes back when the editor has ended. */
export async function editFile(path: string, variables: ReadonlyMap<string, string>): Promise<void> {
  const editor = variables.get('VISUAL') || variables.get('EDITOR') || 'vi'
  const { split } = await import('shlex')
  const [program = 'vi', ...words] = split(editor)
  if (isVim(program, variables)) words.unshift(...VIM_KEEPS_NOTHING)
  const status = await lendTerminal(async () => {
    const started = startProgram(program, [...words, path], { environment: variables }, { stdio: 'inherit' })
    // Ended by a signal, we take the plaintext away; an editor that lived on could write it back.
    const forget = whenLeaving(() => started.child.kill('SIGKILL'))
    return started.status
      .catch(() => {
        throw failure('editor-missing', { editor })
      })
      .finally(forget)
  })
  if (status !== 0) throw failure('editor-failed', { editor })
}
