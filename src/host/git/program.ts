/** git, started so that it runs nothing that a repository names. */
import { capture, type Ended, findProgram } from '../../child.ts'

/**
 * What a repository's own configuration could have git run while it reads: a file system monitor, hooks, gpg for
 * `log.showSignature`, a pager. What has patches made says --no-ext-diff and --no-textconv itself. An embedded bare repository is not taken for one
 * (git-config(1), safe.bareRepository).
 */
const SAFE_WORDS = [
  '--no-pager',
  ...['-c', 'core.fsmonitor=false'],
  ...['-c', 'core.hooksPath=/dev/null'],
  ...['-c', 'safe.bareRepository=explicit'],
  ...['-c', 'log.showSignature=false'],
  ...['-c', 'submodule.recurse=false'],
  // Not about safety: what a search of the history reads must have the first commit.
  ...['-c', 'log.showRoot=true'],
]

/** Where git is to look, which a hook of git is told in variables; every other GIT_ variable is left out. */
const KEPT =
  /^GIT_(?:DIR|WORK_TREE|INDEX_FILE|COMMON_DIR|OBJECT_DIRECTORY|ALTERNATE_OBJECT_DIRECTORIES|QUARANTINE_PATH|CEILING_DIRECTORIES|DISCOVERY_ACROSS_FILESYSTEM|CONFIG_(?:GLOBAL|SYSTEM|NOSYSTEM))$/

/**
 * The variables that git gets: no key, nothing that names a program, no fetching of objects that a partial clone
 * lacks (it would run what the remote's configuration says), no writing of the index, no replaced objects.
 */
export function variablesForGit(variables: ReadonlyMap<string, string>): Map<string, string> {
  const kept = [...variables].filter(
    ([name]) => (!name.startsWith('GIT_') || KEPT.test(name)) && !name.startsWith('SOPS_'),
  )
  return new Map([
    ...kept,
    ['GIT_NO_LAZY_FETCH', '1'],
    ['GIT_ALLOW_PROTOCOL', 'none'],
    ['GIT_OPTIONAL_LOCKS', '0'],
    ['GIT_NO_REPLACE_OBJECTS', '1'],
    ['GIT_TERMINAL_PROMPT', '0'],
  ])
}

/** A git that can be started. */
export interface GitProgram {
  readonly path: string
  /** The words before those of a caller. */
  readonly words: readonly string[]
  readonly variables: ReadonlyMap<string, string>
}

/** The git program of PATH, looked for in its absolute directories alone; undefined where there is none. */
export function gitProgram(variables: ReadonlyMap<string, string>): GitProgram | undefined {
  const path = findProgram('git', variables)
  if (path === undefined) return undefined
  return { path, words: SAFE_WORDS, variables: variablesForGit(variables) }
}

/** Runs git to its end in a directory; undefined where there is no git. */
export async function runGit(
  variables: ReadonlyMap<string, string>,
  directory: string,
  words: readonly string[],
): Promise<Ended | undefined> {
  const git = gitProgram(variables)
  return git && capture(git.path, [...git.words, ...words], { environment: git.variables, cwd: directory })
}

/** The parts of a list that git wrote with NUL after each; none where it failed. */
export function listOf(ended: Ended | undefined): string[] {
  if (ended?.status !== 0) return []
  return ended.stdout
    .toString()
    .split('\0')
    .filter((part) => part !== '')
}
