/** What git still knows of a file that held plaintext. */
import { basename, dirname } from 'node:path'
import { parseDotenv } from '../../load/dotenv.ts'

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
    // The commit that removed it.
    if (text === undefined) continue
    holding += 1
    for (const [name, value] of await parseDotenv(text)) if (value !== '') names.add(name)
  }
  return holding === 0 ? undefined : { commits: holding, names: [...names] }
}

/** Whether git would commit it now: it is in the index. */
export async function isTracked(path: string): Promise<boolean> {
  const listed = await git(dirname(path), ['ls-files', '--', basename(path)])
  return listed !== undefined && listed !== ''
}
