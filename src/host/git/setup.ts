/** git told about our files: attributes, drivers in its configuration, hooks. */
import { existsSync, mkdirSync, realpathSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { readIfThere } from '../../load/read.ts'
import { quote } from '../../quote.ts'
import type { HostContext } from '../context.ts'
import { failure } from '../errors.ts'
import { writeFile } from '../files/write.ts'
import { DRIVER, withAttributes, withoutAttributes } from './attributes.ts'
import { findRepository, type Repository, repositoryOf } from './repository.ts'

/** The files that are this program: what git and its hooks are to start. */
export interface OurFiles {
  readonly node: string
  readonly bundle: string
}

/** A word of a shell's line. */
function shellWord(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

/** Returns the line for a shell that calls us; the project is where git starts it, whatever DISINTO_ROOT says. */
export function callLine({ node, bundle }: OurFiles, words: string): string {
  return `${shellWord(node)} ${shellWord(bundle)} ${words} --root .`
}

/** Returns the entries of git's configuration, by key. No cache: git would keep in objects what textconv prints. */
export function configuration(ours: OurFiles): Map<string, string> {
  return new Map([
    [`diff.${DRIVER}.textconv`, callLine(ours, 'git textconv')],
    [`diff.${DRIVER}.cachetextconv`, 'false'],
    [`merge.${DRIVER}.name`, 'encrypted files by name, in memory (disinto)'],
    [`merge.${DRIVER}.driver`, `${callLine(ours, 'git merge-driver')} -- %O %A %B %P`],
    // For an ancestor made of several, git's own choice of one of them: nothing is decrypted for it.
    [`merge.${DRIVER}.recursive`, 'binary'],
  ])
}

/** The hooks that look at what is about to be committed; a merge has one of its own (githooks(5)). */
const HOOKS = ['pre-commit', 'pre-merge-commit']
const HOOK_MARK = '# Made by: disinto git setup --hook'

/** Returns the text of a hook. A hook whose program has moved says so, and refuses. */
export function hookText(ours: OurFiles): string {
  const there = [ours.node, ours.bundle].map((path) => `[ -e ${shellWord(path)} ]`).join(' && ')
  return `#!/bin/sh
${HOOK_MARK}; removed by: disinto git setup --undo
${there} || { echo 'disinto has moved: run disinto git setup --hook again' >&2; exit 1; }
exec ${callLine(ours, 'secrets check --staged')}
`
}

/** The text of a file; undefined where there is none. Throws source-unreadable. */
function textAt(path: string): string | undefined {
  return readIfThere(path)?.toString()
}

/** The entries that the repository has for our drivers. */
async function entriesOf({ git }: Repository): Promise<Map<string, string>> {
  const words = ['config', '--local', '-z', '--get-regexp', `^(diff|merge)\\.${DRIVER}\\.`]
  const output = await git(words, [0, 1])
  return new Map(
    output
      .split('\0')
      .filter((entry) => entry !== '')
      .map((entry) => {
        const end = entry.indexOf('\n')
        return end < 0 ? [entry, ''] : [entry.slice(0, end), entry.slice(end + 1)]
      }),
  )
}

/** The files of the project that our attributes are for, whether they exist or not. */
const SAMPLES = ['.env.enc', 'secrets/NAME.enc']

/** The file whose attributes are not ours, as git itself tells; undefined when all are. */
async function overruled({ git }: Repository): Promise<string | undefined> {
  const parts = (await git(['check-attr', '-z', 'diff', 'merge', '--', ...SAMPLES])).split('\0')
  for (let at = 0; at + 2 < parts.length; at += 3) if (parts[at + 2] !== DRIVER) return parts[at]
  return undefined
}

/** Whether a file lies in the work tree, by its name or by what that leads to. */
function isInside(top: string, path: string): boolean {
  const real = existsSync(path) ? realpathSync(path) : path
  return [path, real].some((one) => one.startsWith(`${top}/`))
}

/**
 * Throws git-bundle-inside where git would start a file of the work tree. A tracked one changes with any branch; so does
 * an ignored one, node_modules/ above all, as a checkout overwrites what is ignored (gitignore(5)).
 */
function refuseInside({ top }: Repository, { bundle, node }: OurFiles): void {
  const inside = [bundle, node].find((path) => isInside(top, path))
  if (inside !== undefined) throw failure('git-bundle-inside', { path: inside })
}

/** Writes the hooks that are not there. Throws git-hook-foreign where others have theirs. */
async function writeHooks(repository: Repository, ours: OurFiles): Promise<string[]> {
  const text = hookText(ours)
  const line = callLine(ours, 'secrets check --staged')
  if (repository.hooksPath !== undefined)
    throw failure('git-hook-foreign', { path: repository.hooksPath, line })
  const olds = HOOKS.map((hook) => {
    const path = join(repository.hooks, hook)
    const old = textAt(path)
    if (old !== undefined && !old.includes(HOOK_MARK)) throw failure('git-hook-foreign', { path, line })
    return { path, old }
  })
  const said: string[] = []
  for (const { path, old } of olds.filter((hook) => hook.old !== text)) {
    mkdirSync(repository.hooks, { recursive: true })
    await writeFile(path, Buffer.from(text), {
      mode: 0o755,
      over: old === undefined ? 'new' : Buffer.from(old),
    })
    said.push(`${quote(path)}: refuses what disinto secrets check finds`)
  }
  return said
}

/**
 * Sets up attributes and drivers, and with `hook` the hooks; returns what it changed, a line each. Throws git-none,
 * git-bundle-inside, git-hook-foreign, link-out, and git-attributes-overruled when git does not see our attributes afterwards.
 */
export async function setUpGit(
  context: HostContext,
  ours: OurFiles,
  { hook }: { readonly hook: boolean },
): Promise<string[]> {
  const repository = await repositoryOf(context)
  refuseInside(repository, ours)
  const said = hook ? await writeHooks(repository, ours) : []
  const present = await entriesOf(repository)
  const wanting = [...configuration(ours)].filter(([key, value]) => present.get(key) !== value)
  for (const [key, value] of wanting) await repository.git(['config', '--local', '--replace-all', key, value])
  if (wanting.length > 0)
    said.push(`this repository's configuration: diff.${DRIVER} and merge.${DRIVER} call disinto`)
  const path = join(context.project.root, '.gitattributes')
  const old = textAt(path)
  const text = withAttributes(old ?? '')
  if (text !== undefined) {
    await writeFile(path, Buffer.from(text), {
      mode: 0o644,
      over: old === undefined ? 'new' : Buffer.from(old),
      within: context.project.root,
    })
    said.push(`${quote(path)}: .env.enc and secrets/*.enc are compared and merged by name; commit it`)
  }
  const other = await overruled(repository)
  if (other !== undefined) throw failure('git-attributes-overruled', { path: other })
  return said
}

/** Takes everything back that setUpGit did; returns what it changed, a line each. */
export async function undoGit(context: HostContext): Promise<string[]> {
  const repository = await repositoryOf(context)
  const said: string[] = []
  for (const hook of HOOKS) {
    const path = join(repository.hooks, hook)
    if (textAt(path)?.includes(HOOK_MARK) !== true) continue
    rmSync(path)
    said.push(`${quote(path)}: removed`)
  }
  for (const section of [`diff.${DRIVER}`, `merge.${DRIVER}`]) {
    const has = [...(await entriesOf(repository)).keys()].some((key) => key.startsWith(`${section}.`))
    if (!has) continue
    await repository.git(['config', '--local', '--remove-section', section])
    said.push(`this repository's configuration: ${section} removed`)
  }
  const path = join(context.project.root, '.gitattributes')
  const old = textAt(path)
  const text = old === undefined ? undefined : withoutAttributes(old)
  if (old !== undefined && text !== undefined) {
    if (text.trim() === '') rmSync(path)
    else await writeFile(path, Buffer.from(text), { over: Buffer.from(old), within: context.project.root })
    said.push(`${quote(path)}: ${text.trim() === '' ? 'removed' : 'our lines removed'}`)
  }
  return said
}

/** How far a repository is set up. */
export interface SetUp {
  /** git hands our files to our drivers. */
  readonly attributes: boolean
  /**
   * `stale`: what it calls is not there any more. `inside`: any branch can change it. `cached`: git keeps what textconv
   * prints.
   */
  readonly drivers: 'none' | 'good' | 'stale' | 'inside' | 'cached'
  readonly hook: boolean
}

/** The words in quotes of a line that callLine made. */
function calledFiles(line: string): string[] {
  const words = [...line.matchAll(/'((?:[^']|'\\'')*)'(?= )/g)].map(([, word]) => word ?? '')
  return words.map((word) => word.replaceAll("'\\''", "'"))
}

/** Returns how far the project's repository is set up; undefined where there is none, or no git. */
export async function setUpOf(context: HostContext): Promise<SetUp | undefined> {
  const repository = await findRepository(context)
  if (repository === undefined) return undefined
  const entries = await entriesOf(repository)
  const lines = [entries.get(`diff.${DRIVER}.textconv`), entries.get(`merge.${DRIVER}.driver`)]
  const called = lines.flatMap((line) => calledFiles(line ?? ''))
  let drivers: SetUp['drivers'] = 'good'
  if (lines.every((line) => line === undefined)) drivers = 'none'
  else if (lines.includes(undefined) || called.length < 4 || !called.every((path) => existsSync(path)))
    drivers = 'stale'
  else if (called.some((path) => isInside(repository.top, path))) drivers = 'inside'
  else if (entries.get(`diff.${DRIVER}.cachetextconv`) !== 'false') drivers = 'cached'
  const hook = HOOKS.every((name) => textAt(join(repository.hooks, name))?.includes(HOOK_MARK) === true)
  return { attributes: (await overruled(repository)) === undefined, drivers, hook }
}
