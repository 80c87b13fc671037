/** The engine that runs the sops program; plaintext comes back through a pipe and touches nothing else. */
import { readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { defaultKeyFile, usualKeyFiles } from '../age/places.ts'
import type { Keyring } from '../age/sources.ts'
import { capture, type Ended, findProgram } from '../child.ts'
import { DisintoError, errnoOf, failure } from '../errors.ts'
import { othersCouldReplace } from '../file-access.ts'
import {
  type Covers,
  type Document,
  KEY_VARIABLES,
  type KeyType,
  type Plaintext,
  type SopsFormat,
} from '../nouns.ts'
import { rootEnvironment } from '../root-environment.ts'
import { clearNames } from './clear-names.ts'
import { alignLines, splitLines } from './dotenv-lines.ts'
import { isList, isMap, isNumber, type JsonMap, type JsonValue, parseJson } from './json.ts'
import { refusalOf } from './refusal.ts'
import { type Restricted, restrictKeyTypes } from './restrict.ts'

/** What we want back from sops. A value's exact text survives in JSON only. */
const OUTPUTS: Record<SopsFormat, string> = {
  'sops-dotenv': 'dotenv',
  'sops-json': 'json',
  'sops-yaml': 'json',
  'sops-ini': 'json',
  'sops-binary': 'binary',
}

/** The sops program of a PATH, as findProgram finds it. */
export function findSops(variables: ReadonlyMap<string, string>): string | undefined {
  return findProgram('sops', variables)
}

/** What of an environment a program that decrypts for us gets: no HOME or file of somebody whom root does not trust. */
function trustedVariables(variables: ReadonlyMap<string, string>, cwd: string): Map<string, string> {
  return process.getuid?.() === 0 ? rootEnvironment(variables, cwd, KEY_VARIABLES) : new Map(variables)
}

/** The identities in a key file, one a line: text that sops can be given by a variable. */
function identityLines(path: string): string[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.startsWith('AGE-'))
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile()
  } catch {
    return false
  }
}

/**
 * The environment for a sops that runs in another directory than ours: relative key files are made absolute, and key files
 * that it would not find in its own HOME are handed to it.
 */
function variablesForSops(
  variables: ReadonlyMap<string, string>,
  cwd: string,
  homes: readonly string[] = [],
): ReadonlyMap<string, string> {
  const forSops = trustedVariables(variables, cwd)
  // It never edits here; a sops before 3.9 would take the word decrypt for a file to edit.
  forSops.set('EDITOR', 'false').set('SOPS_EDITOR', 'false')
  for (const name of ['SOPS_AGE_KEY_FILE', 'SOPS_AGE_SSH_PRIVATE_KEY_FILE']) {
    const file = variables.get(name)
    // Empty counts as not set; sops would try to open a file without a name.
    if (file === '') forSops.delete(name)
    else if (file !== undefined) forSops.set(name, resolve(cwd, file))
  }
  const found = defaultKeyFile(forSops)
  for (const path of usualKeyFiles(variables, homes).filter((file) => file !== found && isFile(file))) {
    if (!forSops.has('SOPS_AGE_KEY_FILE')) forSops.set('SOPS_AGE_KEY_FILE', path)
    else
      forSops.set(
        'SOPS_AGE_KEY',
        [forSops.get('SOPS_AGE_KEY') ?? '', ...identityLines(path)].join('\n').trim(),
      )
  }
  return forSops
}

/** What the values of a parsed tree are called that no environment can hold. */
function typeName(value: JsonValue): string | undefined {
  if (value === null) return 'null'
  if (isMap(value)) return 'a map'
  return isList(value) ? 'a list' : undefined
}

/** The members of JSON that sops wrote; what stands before the first section of INI is in a section of this name. */
function membersOf(document: Document, json: Buffer): JsonMap['members'] {
  const root = parseJson(json.toString())
  if (!isMap(root)) throw failure('sops-output', { path: document.source.path })
  if (document.format !== 'sops-ini') return root.members
  return root.members.flatMap(([name, value]) =>
    name === 'DEFAULT' && isMap(value) ? value.members : [[name, value] as const],
  )
}

/** The texts of scalars as sops' dotenv store prints them, which is exec-env's way: a line each, comments between. */
function linesOf(dotenv: Buffer, names: readonly string[], path: string): string[] {
  const lines = dotenv
    .toString()
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
  if (lines.length !== names.length || names.some((name, at) => !lines[at]?.startsWith(`${name}=`)))
    throw failure('sops-output', { path })
  return lines.map((line, at) => line.slice((names[at] ?? '').length + 1))
}

/** Names with exact values from JSON that sops wrote, those that occur twice included. */
async function valuesOf(
  document: Document,
  json: Buffer,
  asDotenv: () => Promise<Buffer>,
): Promise<ReadonlyArray<readonly [string, string]>> {
  const { path } = document.source
  const members = membersOf(document, json)
  for (const [name, value] of members) {
    const type = typeName(value)
    if (type !== undefined) throw failure('value-type', { path, name, type })
  }
  // JSON has one kind of number, sops has two: 3 and 3.0.
  const names = members.map(([name]) => name)
  const lines = members.some(([, value]) => isNumber(value)) ? linesOf(await asDotenv(), names, path) : []
  return members.map(([name, value], at) => [name, isNumber(value) ? (lines[at] ?? '') : String(value)])
}

type Proved = { readonly covers: Covers; readonly unproved?: readonly string[] }

/** What is proved of what sops has opened. */
function provedIn(seen: Restricted): Proved {
  const { covers } = seen
  return covers === 'all' ? { covers } : { covers, unproved: clearNames(seen) }
}

/** sops keeps each value by itself; its text is put together only to be taken apart by the lines of the file. */
function itemsOf(document: Document, printed: Buffer, proved: Proved): Plaintext {
  const { source, bytes } = document
  const { path } = source
  // The type is not authenticated, and sops would print such a value in words of its own.
  if (
    splitLines(bytes.toString('latin1')).some(
      (line) => line.kind === 'value' && line.text.endsWith(',type:comment]'),
    )
  )
    throw failure('file-tampered', { path })
  const items = alignLines(bytes, printed)
  if (items === undefined) throw failure('sops-output', { path })
  return { kind: 'items', items, ...proved }
}

/** sops takes the first of several, of which all but one may be empty and so not authenticated. */
function checkOnce({ source, bytes }: Document): void {
  const root = parseJson(bytes.toString())
  const data = isMap(root) ? root.members.filter(([name]) => name === 'data') : []
  if (data.length > 1) throw failure('name-twice', { path: source.path, name: 'data' })
}

const KEY_COMMANDS = ['SOPS_AGE_KEY_CMD', 'SOPS_AGE_SSH_PRIVATE_KEY_CMD']

/** The oldest sops that reads what it decrypts from standard input; one before 3.9 takes the word decrypt for a file. */
const OLDEST = [3, 10] as const

/** The version of a sops program that is older than we need, "3.8.1"; undefined for all others. */
export function oldVersion(printed: string): string | undefined {
  const [, version, major, minor] = /^sops (?:version )?v?((\d+)\.(\d+)\.\d+)/m.exec(printed) ?? []
  if (version === undefined) return undefined
  const isOld = Number(major) < OLDEST[0] || (Number(major) === OLDEST[0] && Number(minor) < OLDEST[1])
  return isOld ? version : undefined
}

/** Throws sops-old for a program that failed since it is older than the words we use. */
async function checkVersion(
  program: string,
  path: string,
  environment: ReadonlyMap<string, string>,
): Promise<void> {
  const { stdout } = await capture(program, ['--version'], { environment, cwd: '/' })
  const version = oldVersion(stdout.toString())
  if (version !== undefined) throw failure('sops-old', { path, program, version })
}

/**
 * Where sops runs, and the words for it: in `/`, where no .sops.yaml lies in wait. A command for a key runs where the shim
 * was started, as with the other engine; then the .sops.yaml there is kept out by a word.
 */
function placeFor(
  environment: ReadonlyMap<string, string>,
  workingDirectory: string,
): { cwd: string; words: readonly string[] } {
  if (!KEY_COMMANDS.some((name) => environment.get(name))) return { cwd: '/', words: [] }
  return { cwd: workingDirectory, words: environment.get('SOPS_CONFIG') ? [] : ['--config', '/dev/null'] }
}

/** Bytes that sops is handed below which nothing is to be gained by looking for memory that it no longer uses. */
const SMALL = 2 ** 20

/**
 * The environment for one run of sops. Its start alone has Go's collector run several times, a fifth of the processor's time
 * that it takes for a small file; it waits until there is more (GOGC in the documentation of Go's package runtime).
 */
function withCollector(
  environment: ReadonlyMap<string, string>,
  input: Buffer | undefined,
): ReadonlyMap<string, string> {
  if (environment.has('GOGC') || (input?.length ?? 0) >= SMALL) return environment
  return new Map([...environment, ['GOGC', '400']])
}

/** What sops is run for. */
export interface SopsTask {
  /** The file, for messages. */
  readonly path: string
  /** Makes the error where there is no sops. */
  readonly missing: () => DisintoError
  /** The directory to run in, where that is not for sopsRunner to say. */
  readonly cwd?: string
  readonly input?: Buffer
}

/**
 * Makes what runs sops to its end, whatever its exit status: by default in `/`, where no stranger's .sops.yaml lies in
 * wait. Rejects with sops-old for a program that can't do what we ask. The program is looked for once.
 */
export function sopsRunner(
  variables: ReadonlyMap<string, string>,
  workingDirectory: string,
  homes: readonly string[] = [],
): (words: readonly string[], task: SopsTask) => Promise<Ended> {
  let forSops: ReadonlyMap<string, string> | undefined
  let program: string | undefined

  const find = (
    path: string,
    missing: () => DisintoError,
    environment: ReadonlyMap<string, string>,
  ): string => {
    const found = findSops(environment)
    const untrusted = found === undefined ? findSops(variables) : undefined
    if (untrusted !== undefined) throw failure('sops-untrusted', { path, program: untrusted })
    if (found === undefined) throw missing()
    if (process.getuid?.() === 0 && othersCouldReplace(found))
      throw failure('sops-untrusted', { path, program: found })
    return found
  }

  return async (words, { path, missing, cwd, input }) => {
    forSops ??= variablesForSops(variables, workingDirectory, homes)
    program ??= find(path, missing, forSops)
    const where = cwd === undefined ? placeFor(forSops, workingDirectory) : { cwd, words: [] }
    try {
      const ended = await capture(
        program,
        [...where.words, ...words],
        { environment: withCollector(forSops, input), cwd: where.cwd },
        { input },
      )
      if (ended.status !== 0) await checkVersion(program, path, forSops)
      return ended
    } catch (error) {
      if (error instanceof DisintoError) throw error
      throw failure('sops-unstartable', { path, reason: errnoOf(error) })
    }
  }
}

/** The document as sops may see it, or why nothing could open it. */
async function restricted(document: Document, { keyTypes, variables }: SopsSettings): Promise<Restricted> {
  const { path } = document.source
  const seen = await restrictKeyTypes(document, keyTypes, variables)
  if (seen.held.size > 0 || (seen.left.size === 0 && seen.vaults.length === 0)) return seen
  if (seen.vaults.length > 0) throw failure('vault-unnamed', { path, addresses: seen.vaults })
  throw failure('key-type-needed', { path, types: [...seen.left], allowed: [...keyTypes] })
}

/** What sops is run with. */
export interface SopsSettings {
  readonly variables: ReadonlyMap<string, string>
  readonly workingDirectory: string
  readonly keyTypes: ReadonlySet<KeyType>
  /** Other homes than HOME in which a key may be. */
  readonly homes: readonly string[]
}

export type OpenBySops = (
  document: Document,
  reason?: string,
) => Promise<{ readonly plaintext: Plaintext; readonly keyTypes: readonly KeyType[] }>

/** A refusal that another kind of key might not have met. */
const NO_KEY = ['key-missing', 'key-wrong', 'sops-failed']

/**
 * Makes the opener for an environment: PATH and the places of keys are taken from it. sops reads the document from its
 * standard input, less the master keys that may not be used, and never the file itself, which may be another by then.
 * `readKeys` is asked when a refusal must be explained; `reason` says why sops is needed, if not by choice.
 */
export function sopsOpener(settings: SopsSettings, readKeys: () => Promise<Keyring>): OpenBySops {
  const { variables, workingDirectory, keyTypes, homes } = settings
  const runSops = sopsRunner(variables, workingDirectory, homes)

  const run = async (
    document: Document,
    seen: Restricted,
    output: string,
    reason?: string,
  ): Promise<Buffer> => {
    const { path } = document.source
    const words = ['decrypt', '--input-type', seen.type, '--output-type', output]
    const missing = () => failure('sops-missing', { path, reason })
    const ended = await runSops(words, { path, missing, input: seen.bytes })
    if (ended.overflowed) throw failure('sops-output', { path })
    if (ended.status === 0) return ended.stdout
    const refusal = await refusalOf(document, ended, readKeys, [...seen.held])
    if (!NO_KEY.includes(refusal.code)) throw refusal
    if (seen.vaults.length > 0) throw failure('vault-unnamed', { path, addresses: seen.vaults })
    throw seen.left.size === 0
      ? refusal
      : failure('key-type-needed', { path, types: [...seen.left], allowed: [...keyTypes], tried: true })
  }

  return async (document, reason) => {
    const { format } = document
    if (format === 'age' || format === 'plaintext')
      throw failure('source-not-encrypted', { path: document.source.path })
    // sops would hand back the first of them and drop the others without a word.
    if (format === 'sops-yaml' && /\n---(?:\s|$)/.test(document.bytes.toString())) {
      throw failure('source-several', { path: document.source.path })
    }
    const seen = await restricted(document, settings)
    const used = [...seen.held]
    if (format === 'sops-binary') checkOnce(document)
    const output = OUTPUTS[format]
    const opened = await run(document, seen, output, reason)
    if (format === 'sops-dotenv')
      return { plaintext: itemsOf(document, opened, provedIn(seen)), keyTypes: used }
    if (output !== 'json') return { plaintext: { kind: 'bytes', bytes: opened }, keyTypes: used }
    const values = await valuesOf(document, opened, () => run(document, seen, 'dotenv'))
    return { plaintext: { kind: 'values', values, ...provedIn(seen) }, keyTypes: used }
  }
}
