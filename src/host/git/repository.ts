/** The repository that a project is in. */
import { quote } from '../../quote.ts'
import type { HostContext } from '../context.ts'
import { failure } from '../errors.ts'
import { runGit } from './program.ts'

export interface Repository {
  /** The top of the work tree. */
  readonly top: string
  /** Where hooks are, unless core.hooksPath says otherwise: the same for every work tree. */
  readonly hooks: string
  /** core.hooksPath, where some configuration sets it. */
  readonly hooksPath: string | undefined
  /** Runs git in the project. Throws git-failed unless it ends with one of `statuses`. */
  git(words: readonly string[], statuses?: readonly number[]): Promise<string>
}

/** What git wrote, less the final newline that is its own. */
function lineOf(output: string): string {
  return output.replace(/\n$/, '')
}

/** Returns what git said of its failure: the first line, as text of a stranger. */
function reasonOf(stderr: Buffer): string {
  return quote(stderr.toString().trim().split('\n')[0]?.slice(0, 200) ?? '')
}

/**
 * The repository of the project; undefined where it is in none, or in one without a work tree. Throws git-missing.
 */
export async function findRepository(context: HostContext): Promise<Repository | undefined> {
  const { variables, project } = context
  const git = async (words: readonly string[], statuses: readonly number[] = [0]): Promise<string> => {
    const ended = await runGit(variables, project.root, words)
    if (ended === undefined) throw failure('git-missing')
    if (ended.status === null || !statuses.includes(ended.status))
      throw failure('git-failed', { command: words[0] ?? '', reason: reasonOf(ended.stderr) })
    return ended.stdout.toString()
  }
  const inside = await runGit(variables, project.root, ['rev-parse', '--is-inside-work-tree'])
  if (inside === undefined) throw failure('git-missing')
  if (inside.status !== 0 || inside.stdout.toString() !== 'true\n') return undefined
  const common = lineOf(await git(['rev-parse', '--path-format=absolute', '--git-common-dir']))
  // Our own -c core.hooksPath is of the scope "command"; what counts is what others have set.
  const set = (await git(['config', '--show-scope', '-z', '--get-all', 'core.hooksPath'], [0, 1])).split('\0')
  const scoped = set.flatMap((value, at) => (at % 2 === 1 && set[at - 1] !== 'command' ? [value] : []))
  return {
    top: lineOf(await git(['rev-parse', '--show-toplevel'])),
    hooks: `${common}/hooks`,
    hooksPath: scoped.at(-1),
    git,
  }
}

/** The repository of the project. Throws git-missing, or git-none where there is no repository. */
export async function repositoryOf(context: HostContext): Promise<Repository> {
  const repository = await findRepository(context)
  if (repository === undefined) throw failure('git-none', { root: context.project.root })
  return repository
}
