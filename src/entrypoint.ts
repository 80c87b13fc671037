/** The shim: options -> locate -> read -> decrypt -> merge -> hand over. */
import { isAbsolute } from 'node:path'
import { keyFileWarnings, keyWithinReach } from './age/places.ts'
import { asDisintoError, failure } from './errors.ts'
import { findCommand } from './handover/command.ts'
import { becomeCommand } from './handover/exec.ts'
import { statusOf } from './handover/exit-status.ts'
import { canExecve } from './handover/runtime.ts'
import {
  type Account,
  becomesAnother,
  becomeUser,
  homeAs,
  lookUpUser,
  withGivenGroups,
  withHome,
} from './handover/user.ts'
import { catchSignals, closeForExec, openWindow } from './handover/window.ts'
import { type Entry, openAll } from './load/decrypt.ts'
import { checkArguments, inheritedEnvironment } from './load/inherited.ts'
import { type Located, locate } from './load/locate.ts'
import { type Merged, merge } from './load/merge.ts'
import { helpText, type Options, parseOptions } from './load/options.ts'
import { read } from './load/read.ts'
import { checkReport, findingWarnings, loadedNames, summaryLine, warningsOf } from './load/report.ts'
import type { Document, KeyType, Open } from './nouns.ts'
import { opener } from './sops/engines.ts'
import {
  leaveTerminationMessage,
  type Speaker,
  speaker,
  visibleLines,
  type Warning,
  writeAll,
} from './speak.ts'
import { VERSION } from './version.ts'
import { warning } from './warnings.ts'

/** The filter of --redact; says in one line what it can't catch. */
async function filterFor({ environment, outcome }: Merged, speak: Speaker) {
  const { CANNOT_CATCH, makeFilter } = await import('./redact/filter.ts')
  speak.note(CANNOT_CATCH)
  return makeFilter([...outcome.keys()].map((name) => [name, environment.get(name) ?? ''] as const))
}

/** The working directory; one that has been deleted is no matter where nothing is looked for in it. */
function workingDirectory({ root, envFile, secretsDir }: Options): string {
  try {
    return process.cwd()
  } catch {
    const named = [root, envFile, secretsDir].filter((place) => place !== undefined)
    // A child could not be started in it.
    if (root === undefined || !named.every(isAbsolute) || !canExecve()) throw failure('directory-gone')
    return '/'
  }
}

/** What is said of a key that the user to become has in reach; throws key-within-reach unless that is allowed. */
function reachWarnings(
  account: Account,
  files: {
    readonly inherited: ReadonlyMap<string, string>
    readonly cwd: string
    readonly homes: readonly string[]
  },
  options: Options,
): Warning[] {
  const reach = keyWithinReach(files.inherited, files.cwd, files.homes, account)
  if (reach === undefined) return []
  const error = failure('key-within-reach', {
    path: reach.path,
    user: account.spec,
    can: reach.can,
    how: reach.hint,
  })
  if (!options.allowReadableKey) throw error
  return [{ code: error.code, message: error.message, hint: reach.hint }]
}

/** Opens the documents for a command with this HOME; the kinds of keys that may have opened one are told, too. */
async function open(
  documents: readonly Document[],
  opens: Open,
  options: Options,
  homeThen: string | undefined,
) {
  const used = new Set<KeyType>()
  const remembering: Open = async (document) => {
    const opened = await opens(document)
    for (const type of opened.keyTypes ?? []) used.add(type)
    return opened
  }
  return { ...(await openAll(documents, remembering, options, homeThen)), used }
}

/** What a `.env` beside `.env.enc` is worth a word for. */
async function leftover({ leftover: path }: Located, entries: readonly Entry[]): Promise<Warning[]> {
  if (path === undefined) return []
  const { leftoverWarnings } = await import('./load/leftover.ts')
  const loaded = entries.filter(({ document }) => document.source.role === 'env-file')
  return leftoverWarnings(path, new Set(loaded.map(({ name }) => name)))
}

/** The answer of --started, in words for the events of an orchestrator and as exit status 0 or 1. */
async function tellWhetherStarted(): Promise<void> {
  const { commandStarted } = await import('./handover/started.ts')
  const started = await commandStarted(process.argv[1] ?? '')
  writeAll(1, started ? 'the command runs\n' : 'the command has not been started yet\n')
  process.exitCode = started ? 0 : 1
}

/** The environment of the command: that of the user to become, or with the HOME that was given, or as it is. */
function environmentFor(
  { environment }: Merged,
  account: Account | undefined,
  home: string | undefined,
): ReadonlyMap<string, string> {
  if (account !== undefined) return becomeUser(account, environment)
  return home === undefined ? environment : withHome(home, environment)
}

/** Answers what is asked for instead of a start; false where nothing is. */
async function answered({ help, version, started }: Options): Promise<boolean> {
  if (help) writeAll(1, helpText())
  else if (version) writeAll(1, `disinto ${VERSION}\n`)
  else if (started) await tellWhetherStarted()
  else return false
  return true
}

/** What everything after the options needs to know. */
interface Start {
  readonly options: Options
  readonly inherited: ReadonlyMap<string, string>
  readonly cwd: string
  readonly account: Account | undefined
}

/** Finds, reads and opens the sources, and merges them with the environment; what is to be said of all that. */
async function load({ options, inherited, cwd, account }: Start) {
  const located = locate(options, cwd)
  const documents = located.sources.map(read)
  const encrypted = documents.some(({ format }) => format !== 'plaintext')
  const drops = account !== undefined && becomesAnother(account)
  const homes = [drops ? account.home : undefined, options.keyHome].filter((home) => home !== undefined)
  // Before any key is read: what somebody else can put there is no key of ours.
  const withinReach = drops && encrypted ? reachWarnings(account, { inherited, cwd, homes }, options) : []
  const opens = opener(options.engine, inherited, cwd, { keyTypes: options.keyTypes, homes })
  const homeThen = homeAs(account, inherited, options.home)
  const { entries, findings, used } = await open(documents, opens, options, homeThen)
  const merged = merge(inherited, entries, options, used)
  const warnings = [
    ...(await leftover(located, entries)),
    ...(encrypted && withinReach.length === 0 ? keyFileWarnings(inherited, cwd, homes) : withinReach),
    ...(options.noUser && process.getuid?.() === 0 ? [warning('command-is-root')] : []),
    ...warningsOf(entries, merged, options),
    ...(await findingWarnings(findings)),
  ]
  return { merged, warnings }
}

/** Becomes the command, or stays as its parent where this Node or --redact needs that. */
async function handOver(
  file: string,
  { command, asFile, redact, summary }: Options,
  { merged, asUser }: { readonly merged: Merged; readonly asUser: ReadonlyMap<string, string> },
  speak: Speaker,
): Promise<void> {
  const environment =
    asFile.length === 0 ? asUser : (await import('./handover/value-files.ts')).toFiles(asFile, asUser, merged)
  if (summary) speak.note(summaryLine(merged))
  if (process.ppid === 1) (await import('./handover/limits.ts')).restoreOpenFiles()
  if (becomes(redact)) {
    await closeForExec()
    becomeCommand(file, command, environment)
  }
  // The filter starts children of its own, whose end takes handlers off that had nobody else's beside them.
  catchSignals()
  if (process.pid === 1) speak.warning(warning('no-init'))
  const { supervise } = await import('./handover/supervise.ts')
  await supervise(file, command, environment, redact ? await filterFor(merged, speak) : undefined)
}

const becomes = (redact: boolean): boolean => canExecve() && !redact

async function main(words: readonly string[]): Promise<void> {
  openWindow()
  const inherited = inheritedEnvironment(process.env)
  checkArguments()
  const options = await parseOptions(words, inherited)
  const speak = speaker(inherited.get('DISINTO_LOG'))
  if (await answered(options)) return
  const [command] = options.command
  if (command === undefined && !options.check) throw failure('command-missing')

  const account = options.user === undefined ? undefined : withGivenGroups(lookUpUser(options.user))
  const { merged, warnings } = await load({ options, inherited, cwd: workingDirectory(options), account })
  for (const one of warnings) speak.warning(one)
  if (options.verbose) for (const line of loadedNames(merged)) speak.note(line)

  const asUser = environmentFor(merged, account, options.home)
  const file = command === undefined ? undefined : findCommand(command, asUser)
  if (options.check || file === undefined) {
    const how = becomes(options.redact) ? 'execve' : 'child'
    writeAll(1, visibleLines(checkReport(merged, warnings, how, options.json)))
  } else await handOver(file, options, { merged, asUser }, speak)
}

main(process.argv.slice(2)).catch((thrown: unknown) => {
  const error = asDisintoError(thrown)
  speaker(process.env.DISINTO_LOG, process.env.DISINTO_DEBUG).error(error)
  leaveTerminationMessage(error)
  process.exit(statusOf(error.code))
})
