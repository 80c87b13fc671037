/** The files that `disinto secrets check` looks at, and the rules that count for each. */
import { existsSync } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { DisintoError } from '../../errors.ts'
import { detectFormat } from '../../load/format.ts'
import { MAX_FILE_BYTES, readIfThere, readWhole } from '../../load/read.ts'
import { SopsFault } from '../../sops/fault.ts'
import { readOutside } from '../../sops/outside.ts'
import { readYamlTree } from '../../sops/outside-yaml.ts'
import { type CreationRules, findRules, parseRules } from '../access/rules.ts'
import type { HostContext } from '../context.ts'
import { failure } from '../errors.ts'
import { findingOf } from '../finding.ts'
import { unacceptedReaders } from '../store/consent.ts'
import { copiesAmong } from '../store/copies.ts'
import { inventory, outsideOf } from '../store/inventory.ts'
import type { Advance } from '../terminal.ts'
import { warning as wordsOf } from '../warnings.ts'
import { type CheckFinding, examineFile, kindOfPath, type Surroundings } from './examine.ts'
import { readBlobs } from './objects.ts'
import { findRepository, type Repository, repositoryOf } from './repository.ts'

const RULES = '.sops.yaml'

/** A file to look at: the name that is shown, where it is or would be, and what it holds. */
interface Candidate {
  readonly shown: string
  readonly path: string
  read(): Buffer
}

/** The text of the .sops.yaml in a directory, from wherever rules are taken; undefined where there is none. */
type RulesAt = (directory: string) => string | undefined

export interface Checked {
  readonly findings: readonly CheckFinding[]
  readonly files: number
}

/** A failure of reading as a finding. */
function findingIn(file: string, thrown: unknown): CheckFinding {
  const found = findingOf(thrown)
  // Files of sops need no .sops.yaml; without one nobody can tell a planted recipient.
  return { file, ...found, ...(found.code === 'rules-missing' && { severity: 'warning' }) }
}

/** Finds the rules that are in force for a file: of the nearest directory, up to `top`; beyond it, on disk. */
function rulesFinder(rulesAt: RulesAt, top: string): RulesFor {
  const known = new Map<string, Promise<CreationRules | undefined>>()
  const find = async (directory: string): Promise<CreationRules | undefined> => {
    const text = rulesAt(directory)
    if (text !== undefined) return parseRules(join(directory, RULES), text)
    const up = dirname(directory)
    if (up === directory) return undefined
    return directory === top ? findRules(up) : cached(up)
  }
  const cached = (directory: string): Promise<CreationRules | undefined> => {
    const rules = known.get(directory) ?? find(directory)
    known.set(directory, rules)
    return rules
  }
  return (path) => cached(dirname(path))
}

/** Whether a file is meant to be encrypted, and rules are for it. */
function isEncryptedByName(path: string): boolean {
  const kind = kindOfPath(path)
  return kind === 'env' || kind === 'secret' || kind === 'sealed'
}

/** Whether a file that no rule is for, or that no rule can be told of, is one to tell about. */
function needsRule(path: string, bytes: Buffer): boolean {
  const kind = kindOfPath(path)
  return kind === 'env' || kind === 'secret' || (kind === 'sealed' && detectFormat(bytes) !== undefined)
}

type RulesFor = (path: string) => Promise<CreationRules | undefined>

/** The rule for a file, and which of its recipients are new on this machine. Throws what the rules throw. */
async function readersOf(
  context: HostContext,
  path: string,
  rulesFor: RulesFor,
): Promise<Pick<Surroundings, 'rule' | 'unaccepted'>> {
  const rules = await rulesFor(path)
  // What can't be compared with rules is told, and is never a "yes".
  if (rules === undefined && isEncryptedByName(path)) throw failure('rules-missing', { path: RULES })
  const rule = rules?.for(path)
  if (rules === undefined || !isEncryptedByName(path)) return { rule, unaccepted: [] }
  const found = await unacceptedReaders(context, rules, [path])
  return { rule, unaccepted: found.flatMap(({ recipients }) => recipients) }
}

/**
 * What tells secrets in a plaintext `.env` beside an `.env.enc`, where configuration may stand: the names that both have,
 * and those that say so. Elsewhere every name counts.
 */
async function secretsBeside(
  path: string,
  isSecretive: (name: string) => boolean,
): Promise<((name: string) => boolean) | undefined> {
  const encrypted = join(dirname(path), '.env.enc')
  if (basename(path) !== '.env' || !existsSync(encrypted)) return undefined
  const { names } = await outsideOf({ role: 'env-file', path: encrypted, plaintextAllowed: false })
  return (name) => names.includes(name) || isSecretive(name)
}

/** The MAC of an encrypted file; undefined for what has none, and for what can't be read, which is told elsewhere. */
async function macOf(read: () => Buffer): Promise<string | undefined> {
  try {
    const bytes = read()
    const format = detectFormat(bytes)
    return format && (await readOutside(bytes, format, readYamlTree)).mac
  } catch (error) {
    if (error instanceof DisintoError || error instanceof SopsFault) return undefined
    throw error
  }
}

/** Looked-at files that are copies, of each other or of the files beside them in the project. */
async function copyFindings(
  candidates: readonly Candidate[],
  beside: readonly Candidate[],
): Promise<CheckFinding[]> {
  const files = [...beside, ...candidates].filter(({ path }) => isEncryptedByName(path))
  const isEnv = ({ path }: Candidate) => kindOfPath(path) === 'env'
  // A secret that was copied to where the agents read is what somebody would do, and not the other way about.
  const ordered = [...files.filter((file) => !isEnv(file)), ...files.filter(isEnv)]
  const marked = await Promise.all(
    ordered.map(async ({ shown, path, read }) => {
      const mac = await macOf(read)
      const root = basename(dirname(path)) === 'secrets' ? dirname(dirname(path)) : dirname(path)
      // Another project may well have the same file: a template, an environment that began as a copy.
      return { shown, path, mac: mac === undefined ? undefined : `${root}\0${mac}` }
    }),
  )
  return copiesAmong(marked).flatMap(({ copy: { shown }, of }) =>
    candidates.some((candidate) => candidate.shown === shown)
      ? [
          {
            file: shown,
            severity: 'error' as const,
            ...wordsOf('file-copied', { path: shown, other: of.shown }),
          },
        ]
      : [],
  )
}

async function examineAll(
  context: HostContext,
  {
    candidates,
    beside,
  }: { readonly candidates: readonly Candidate[]; readonly beside: readonly Candidate[] },
  rulesFor: RulesFor,
  { allow, isSecretive, advance }: CheckOptions,
): Promise<Checked> {
  const findings = new Map<string, CheckFinding>()
  const add = (finding: CheckFinding) => {
    const key = `${finding.code}\0${finding.message}`
    if (!findings.has(key)) findings.set(key, finding)
  }
  for (const [done, { shown, path, read }] of candidates.entries()) {
    advance(done, candidates.length)
    try {
      const bytes = read()
      const readers = await readersOf(context, path, rulesFor).catch((error: unknown) => {
        if (!(error instanceof DisintoError)) throw error
        if (needsRule(path, bytes)) add(findingIn(shown, error))
        return { rule: undefined, unaccepted: [] }
      })
      const isSecret = await secretsBeside(path, isSecretive)
      for (const finding of await examineFile(shown, bytes, { ...readers, isSecret, allow })) add(finding)
    } catch (error) {
      add(findingIn(shown, error))
    }
  }
  for (const finding of await copyFindings(candidates, beside)) add(finding)
  return { findings: [...findings.values()], files: candidates.length }
}

/** The text of a file of the work tree; undefined where there is none. */
function textOnDisk(directory: string): string | undefined {
  return readIfThere(join(directory, RULES))?.toString()
}

/** A file of the work tree. */
function onDisk(path: string, shown: string): Candidate {
  return { shown, path, read: () => readWhole(path) }
}

/** The parts of what git lists with -z. */
function parts(output: string): string[] {
  return output.split('\0').filter((part) => part !== '')
}

/** The rules as a revision has them. Throws git-failed when there is no such revision. */
async function rulesOfRevision({ git, top }: Repository, revision: string): Promise<RulesAt> {
  const commit = (await git(['rev-parse', '--verify', '--end-of-options', `${revision}^{commit}`])).trim()
  const paths = parts(await git(['ls-tree', '-r', '-z', '--name-only', '--full-tree', commit]))
  const texts = new Map<string, string>()
  for (const path of paths.filter((one) => one === RULES || one.endsWith(`/${RULES}`)))
    texts.set(dirname(join(top, path)), await git(['cat-file', 'blob', `${commit}:${path}`]))
  return (directory) => texts.get(directory)
}

interface IndexEntry {
  readonly mode: string
  readonly oid: string
  readonly path: string
}

/** All entries of the index, those of a conflict left out. */
async function indexEntries({ git }: Repository): Promise<IndexEntry[]> {
  return parts(await git(['ls-files', '--stage', '-z', '--full-name', '--', ':/'])).flatMap((line) => {
    const [, mode, oid, stage, path] = /^(\d+) ([0-9a-f]+) (\d)\t(.*)$/s.exec(line) ?? []
    if (mode === undefined || oid === undefined || path === undefined || stage !== '0') return []
    return [{ mode, oid, path }]
  })
}

/** The paths whose entries in the index differ from HEAD; all of them before the first commit. */
async function stagedPaths({ git }: Repository, entries: readonly IndexEntry[]): Promise<Set<string>> {
  const head = await git(['rev-parse', '--verify', '--quiet', 'HEAD^{commit}'], [0, 1, 128])
  if (head === '') return new Set(entries.map(({ path }) => path))
  const words = ['diff-index', '--cached', '--name-only', '--no-renames', '--no-ext-diff', '-z', head.trim()]
  return new Set(parts(await git(words)))
}

/** A link is what git keeps of it: a path. What a link to an encrypted file means, no clone can tell. */
const LINK = '120000'
const SUBMODULE = '160000'

/** Checks what the next commit will hold. */
async function checkStaged(
  context: HostContext,
  repository: Repository,
  options: CheckOptions,
): Promise<Checked> {
  const { top } = repository
  const entries = await indexEntries(repository)
  const staged = await stagedPaths(repository, entries)
  const rulesChanged = [...staged].some((path) => path === RULES || path.endsWith(`/${RULES}`))
  const named = options.files.map((file) => relative(top, resolve(context.workingDirectory, file)))
  const chosen = entries.filter(({ mode, path }) => {
    const kind = kindOfPath(path)
    if (kind === undefined || mode === SUBMODULE) return false
    if (named.length > 0 && !named.includes(path)) return false
    // New rules are for files that did not change, too.
    return staged.has(path) || (rulesChanged && isEncryptedByName(path))
  })
  const rules = entries.filter(({ path }) => path === RULES || path.endsWith(`/${RULES}`))
  const others = entries.filter((entry) => isEncryptedByName(entry.path) && !chosen.includes(entry))
  const beside = chosen.some(({ path }) => isEncryptedByName(path)) ? others : []
  const oids = [...chosen, ...rules, ...beside].map(({ oid }) => oid)
  const blobs = oids.length === 0 ? new Map() : await readBlobs(context.variables, top, oids, MAX_FILE_BYTES)
  const bytesOf = ({ oid, path, mode }: IndexEntry): Buffer => {
    const bytes: Buffer | 'too large' | undefined = blobs.get(oid)
    if (mode === LINK) throw failure('source-irregular', { path, kind: 'a link' })
    if (bytes === 'too large') throw failure('source-too-large', { path, limit: MAX_FILE_BYTES })
    if (bytes === undefined) throw failure('source-unreadable', { path, reason: 'git lacks it' })
    return bytes
  }
  const texts = new Map(rules.map((entry) => [dirname(join(top, entry.path)), bytesOf(entry).toString()]))
  const rulesAt: RulesAt =
    options.rulesOf === undefined
      ? (directory) => texts.get(directory)
      : await rulesOfRevision(repository, options.rulesOf)
  const candidateOf = (entry: IndexEntry): Candidate => ({
    shown: entry.path,
    path: join(top, entry.path),
    read: () => bytesOf(entry),
  })
  const files = { candidates: chosen.map(candidateOf), beside: beside.map(candidateOf) }
  return examineAll(context, files, rulesFinder(rulesAt, top), options)
}

/** The files of the work tree that git has or would take, and a plaintext .env in any case. */
async function workTreeFiles(
  { project }: HostContext,
  repository: Repository | undefined,
): Promise<string[]> {
  const ours = [project.plainEnvFile, ...inventory(project).map(({ path }) => path)].filter((path) =>
    existsSync(path),
  )
  if (repository === undefined) return ours
  const words = ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--deduplicate']
  const listed = parts(await repository.git(words)).map((path) => join(project.root, path))
  return [
    ...new Set([...ours, ...listed.filter((path) => kindOfPath(path) !== undefined && existsSync(path))]),
  ]
}

export interface CheckOptions {
  /** The files to look at; all where there are none. */
  readonly files: readonly string[]
  /** Whether it is about the index, and there about what is to be committed. */
  readonly staged: boolean
  /** The revision whose rules count, if not those beside the files. */
  readonly rulesOf: string | undefined
  readonly allow: ReadonlySet<string>
  /** Whether a name says that it is a secret's. */
  readonly isSecretive: (name: string) => boolean
  readonly advance: Advance
}

/**
 * Looks at files without a key. Throws git-missing and git-none where it takes a repository, git-failed where a
 * revision is none, file-missing for a named file that is not there.
 */
export async function checkFiles(context: HostContext, options: CheckOptions): Promise<Checked> {
  const { project, workingDirectory } = context
  if (options.staged) return checkStaged(context, await repositoryOf(context), options)
  const repository =
    options.rulesOf === undefined
      ? await findRepository(context).catch((error: unknown) => {
          // Files can be looked at where there is no git.
          if (error instanceof DisintoError && error.code === 'git-missing') return undefined
          throw error
        })
      : await repositoryOf(context)
  const rulesAt =
    repository === undefined || options.rulesOf === undefined
      ? textOnDisk
      : await rulesOfRevision(repository, options.rulesOf)
  const named = options.files.map((file) => resolve(workingDirectory, file))
  // New rules are for files that did not change, too.
  const rulesNamed = named.some((path) => basename(path) === RULES)
  const all = named.length === 0 || rulesNamed ? await workTreeFiles(context, repository) : []
  const more = rulesNamed ? all.filter(isEncryptedByName) : all
  const paths = [...new Set([...named, ...more])]
  const lost = named.find((path) => !existsSync(path))
  if (lost !== undefined) throw failure('file-missing', { path: lost })
  const shown = (path: string) => {
    const inside = relative(project.root, path)
    return inside.startsWith('..') ? path : inside
  }
  const others = inventory(project).map(({ path }) => path)
  const candidateOf = (path: string) => onDisk(path, shown(path))
  const files = {
    candidates: paths.map(candidateOf),
    beside: others.filter((path) => !paths.includes(path) && existsSync(path)).map(candidateOf),
  }
  return examineAll(context, files, rulesFinder(rulesAt, repository?.top ?? '/'), options)
}
