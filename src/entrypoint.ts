/** The shim: options -> locate -> read -> decrypt -> merge -> hand over. */
import { isAbsolute } from 'node:path'
import { keyFileWarnings } from './age/places.ts'
import { asDisintoError, failure } from './errors.ts'
import { findCommand } from './handover/command.ts'
import { becomeCommand } from './handover/exec.ts'
import { statusOf } from './handover/exit-status.ts'
import { canExecve } from './handover/runtime.ts'
import { becomeUser, lookUpUser } from './handover/user.ts'
import { toFiles } from './handover/value-files.ts'
import { catchSignals, closeForExec, openWindow } from './handover/window.ts'
import { decrypt } from './load/decrypt.ts'
import { checkArguments, inheritedEnvironment } from './load/inherited.ts'
import { locate } from './load/locate.ts'
import { type Merged, merge } from './load/merge.ts'
import { helpText, type Options, parseOptions } from './load/options.ts'
import { read } from './load/read.ts'
import { checkReport, loadedNames, summaryLine, warningsOf } from './load/report.ts'
import { opener } from './sops/engines.ts'
import { leaveTerminationMessage, type Speaker, speaker, writeAll } from './speak.ts'

declare const DISINTO_VERSION: string

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

/** The answer of --started, in words for the events of an orchestrator and as exit status 0 or 1. */
async function tellWhetherStarted(): Promise<void> {
  const { commandStarted } = await import('./handover/started.ts')
  const started = commandStarted(process.argv[1] ?? '')
  writeAll(1, started ? 'the command runs\n' : 'the command has not been started yet\n')
  process.exitCode = started ? 0 : 1
}

async function main(words: readonly string[]): Promise<void> {
  openWindow()
  const inherited = inheritedEnvironment(process.env)
  checkArguments()
  const options = await parseOptions(words, inherited)
  const speak = speaker(inherited.get('DISINTO_LOG'))
  if (options.help) return writeAll(1, helpText())
  if (options.version) return writeAll(1, `disinto ${DISINTO_VERSION}\n`)
  if (options.started) return tellWhetherStarted()
  const [command] = options.command
  if (command === undefined && !options.check) throw failure('command-missing')

  const account = options.user === undefined ? undefined : lookUpUser(options.user)
  const cwd = workingDirectory(options)
  const located = locate(options, cwd)
  const documents = located.sources.map(read)
  const encrypted = documents.some(({ format }) => format !== 'plaintext')
  const entries = await decrypt(documents, opener(options.engine, inherited, cwd), options)
  const merged = merge(inherited, entries, options)

  const warnings = [
    ...located.warnings,
    ...(encrypted ? keyFileWarnings(inherited, cwd, account?.uid) : []),
    ...warningsOf(documents, merged, options),
  ]
  for (const warning of warnings) speak.warning(warning)
  if (options.verbose) for (const line of loadedNames(merged)) speak.note(line)

  const asUser = account === undefined ? merged.environment : becomeUser(account, merged.environment)
  const file = command === undefined ? undefined : findCommand(command, asUser)
  const becomes = canExecve() && !options.redact
  if (options.check || file === undefined) {
    return writeAll(1, checkReport(merged, warnings, becomes ? 'execve' : 'child', options.json))
  }
  const environment = toFiles(options.asFile, asUser)
  if (options.summary) speak.note(summaryLine(merged))
  if (process.ppid === 1) (await import('./handover/limits.ts')).restoreOpenFiles()
  if (becomes) {
    await closeForExec()
    becomeCommand(file, options.command, environment)
  }
  // The filter starts children of its own, whose end takes handlers off that had nobody else's beside them.
  catchSignals()
  const { supervise } = await import('./handover/supervise.ts')
  await supervise(
    file,
    options.command,
    environment,
    options.redact ? await filterFor(merged, speak) : undefined,
  )
}

main(process.argv.slice(2)).catch((thrown: unknown) => {
  const error = asDisintoError(thrown)
  speaker(process.env.DISINTO_LOG, process.env.DISINTO_DEBUG).error(error)
  leaveTerminationMessage(error)
  process.exit(statusOf(error.code))
})
