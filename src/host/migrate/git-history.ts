/** What git knows of a file that holds plaintext: its history and its index. */
import { basename, dirname } from 'node:path'
import { diagnoseText } from '../../load/diagnosis.ts'
import { readDotenv } from '../../load/dotenv.ts'
import { detectFormat } from '../../load/format.ts'

/** More commits of one file than this are not looked into. */
const MAX_COMMITS = 200

async function git(directory: string, words: readonly string[]): Promise<string | undefined> {
  const { execa } = await import('execa')
  const { exitCode, stdout } = await execa('git', ['-C', directory, '--no-pager', ...words], {
    reject: false,
    stdin: 'ignore',
    maxBuffer: 32 * 1024 * 1024,
  })
  return exitCode === 0 ? stdout : undefined
}

export interface Committed {
  readonly commits: number
  /** Names that had a value in one of them. */
  readonly names: readonly string[]
}

/** The names that dotenv text gives a value to; a piece of a value that looks like a name is none. */
async function namesWithValue(text: string): Promise<string[]> {
  const [{ assignments }, problems] = await Promise.all([readDotenv(text), diagnoseText(text)])
  const unsure = new Set(problems.flatMap(({ line, name }) => (name === undefined ? [line] : [])))
  return assignments.filter(({ value, line }) => value !== '' && !unsure.has(line)).map(({ name }) => name)
}

/** The commits, of any branch, that hold a dotenv file in plaintext; undefined when there are none, or no git. */
export async function committedPlaintext(path: string): Promise<Committed | undefined> {
  const directory = dirname(path)
  const file = basename(path)
  const log = await git(directory, ['log', '--all', '--format=%H', `--max-count=${MAX_COMMITS}`, '--', file])
  const commits = (log ?? '').split('\n').filter((line) => line !== '')
  const names = new Set<string>()
  let holding = 0
  for (const commit of commits) {
    const text = await git(directory, ['show', `${commit}:./${file}`])
    // The commit that removed it, or one in which it was encrypted.
    if (text === undefined || detectFormat(Buffer.from(text)) !== undefined) continue
    holding += 1
    for (const name of await namesWithValue(text)) names.add(name)
  }
  return holding === 0 ? undefined : { commits: holding, names: [...names] }
}

/** Whether the next commit would hold it: it is in the index. */
export async function isInIndex(path: string): Promise<boolean> {
  const listed = await git(dirname(path), ['ls-files', '--', basename(path)])
  return listed !== undefined && listed !== ''
}

/** Takes a file out of the index, and leaves it where it is; returns whether git did so. */
export async function takeOutOfIndex(path: string): Promise<boolean> {
  return (await git(dirname(path), ['rm', '--cached', '--quiet', '--', basename(path)])) !== undefined
}
