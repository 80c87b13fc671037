/** What git knows of a file that holds plaintext: its history and its index. */
import { basename, dirname } from 'node:path'
import { diagnoseText } from '../../load/diagnosis.ts'
import { readDotenv } from '../../load/dotenv.ts'
import { detectFormat } from '../../load/format.ts'
import { runGit } from '../git/program.ts'

/** More commits of one file than this are not looked into. */
const MAX_COMMITS = 200

/** What git wrote; undefined where it failed, or where there is none. */
async function git(
  variables: ReadonlyMap<string, string>,
  directory: string,
  words: readonly string[],
): Promise<string | undefined> {
  const ended = await runGit(variables, directory, words)
  return ended?.status === 0 ? ended.stdout.toString() : undefined
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
export async function committedPlaintext(
  variables: ReadonlyMap<string, string>,
  path: string,
): Promise<Committed | undefined> {
  const directory = dirname(path)
  const file = basename(path)
  const log = await git(variables, directory, [
    'log',
    '--no-ext-diff',
    '--all',
    '--format=%H',
    `--max-count=${MAX_COMMITS}`,
    '--',
    file,
  ])
  const commits = (log ?? '').split('\n').filter((line) => line !== '')
  const names = new Set<string>()
  let holding = 0
  for (const commit of commits) {
    const text = await git(variables, directory, ['cat-file', 'blob', `${commit}:./${file}`])
    // The commit that removed it, or one in which it was encrypted.
    if (text === undefined || detectFormat(Buffer.from(text)) !== undefined) continue
    holding += 1
    for (const name of await namesWithValue(text)) names.add(name)
  }
  return holding === 0 ? undefined : { commits: holding, names: [...names] }
}

/** Whether the next commit would hold it: it is in the index. */
export async function isInIndex(variables: ReadonlyMap<string, string>, path: string): Promise<boolean> {
  const listed = await git(variables, dirname(path), ['ls-files', '--', basename(path)])
  return listed !== undefined && listed !== ''
}

/** Takes a file out of the index, and leaves it where it is; returns whether git did so. */
export async function takeOutOfIndex(variables: ReadonlyMap<string, string>, path: string): Promise<boolean> {
  return (
    (await git(variables, dirname(path), ['rm', '--cached', '--quiet', '--', basename(path)])) !== undefined
  )
}
