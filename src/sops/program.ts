/** The engine that runs the sops program; plaintext comes back through a pipe and touches nothing else. */
import { readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { defaultKeyFile, usualKeyFiles } from '../age/places.ts'
import type { Keyring } from '../age/sources.ts'
import { capture, type Ended, findProgram } from '../child.ts'
import { DisintoError, errnoOf, failure } from '../errors.ts'
import { othersCouldReplace } from '../file-access.ts'
import { type Document, KEY_VARIABLES, type KeyType, type Plaintext, type SopsFormat } from '../nouns.ts'
import { rootEnvironment } from '../root-environment.ts'
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

const typeName = (value: unknown) => (value === null ? 'null' : Array.isArray(value) ? 'a list' : 'a map')

/** Names with exact values from JSON that sops wrote; numbers as dotenv output has them, which is exec-env's way. */
async function valuesOf(
  document: Document,
  json: Buffer,
  asDotenv: () => Promise<Buffer>,
): Promise<ReadonlyArray<readonly [string, string]>> {
  const { path } = document.source
  let parsed: unknown
  try {
    parsed = JSON.parse(json.toString())
  } catch {
    throw failure('sops-output', { path })
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw failure('sops-output', { path })
  let fields: Array<[string, unknown]> = Object.entries(parsed)
  if (document.format === 'sops-ini') {
    // What stands before the first section of an INI file is in a section of this name.
    fields = fields.flatMap(([name, value]) =>
      name === 'DEFAULT' && typeof value === 'object' && value !== null
        ? Object.entries(value)
        : [[name, value]],
    )
  }
  for (const [name, value] of fields) {
    if (typeof value === 'object') throw failure('value-type', { path, name, type: typeName(value) })
  }
  // JSON has one kind of number, sops has two: 3 and 3.0.
  const numbers = new Map<string, string>()
  if (fields.some(([, value]) => typeof value === 'number')) {
    for (const line of (await asDotenv()).toString().split('\n')) {
      const equals = line.indexOf('=')
      numbers.set(line.slice(0, equals), line.slice(equals + 1))
    }
  }
  return fields.map(([name, value]) => {
    if (typeof value !== 'number') return [name, String(value)]
    const number = numbers.get(name)
    if (number === undefined) throw failure('sops-output', { path })
    return [name, number]
  })
}

/**
 * Makes what runs sops to its end, whatever its exit status: by default in `/`, where no stranger's .sops.yaml lies in
 * wait. The program is looked for once. `path` is the file that sops is for; `missing` is thrown where there is no sops.
 */
export function sopsRunner(
  variables: ReadonlyMap<string, string>,
  workingDirectory: string,
  homes: readonly string[] = [],
): (
  words: readonly string[],
  path: string,
  missing: () => DisintoError,
  cwd?: string,
  input?: Buffer,
) => Promise<Ended> {
  let forSops: ReadonlyMap<string, string> | undefined
  let program: string | undefined

  return async (words, path, missing, cwd = '/', input) => {
    forSops ??= variablesForSops(variables, workingDirectory, homes)
    program ??= findSops(forSops)
    if (program === undefined) {
      const untrusted = findSops(variables)
      throw untrusted === undefined ? missing() : failure('sops-untrusted', { path, program: untrusted })
    }
    if (process.getuid?.() === 0 && othersCouldReplace(program))
      throw failure('sops-untrusted', { path, program })
    try {
      return await capture(program, words, forSops, cwd, input)
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
    const ended = await runSops(words, path, missing, '/', seen.bytes)
    if (ended.overflowed) throw failure('sops-output', { path })
    if (ended.status === 0) return ended.stdout
    const refusal = await refusalOf(document, ended, readKeys)
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
    const output = OUTPUTS[format]
    const opened = await run(document, seen, output, reason)
    if (output !== 'json') return { plaintext: { kind: 'bytes', bytes: opened }, keyTypes: used }
    const values = await valuesOf(document, opened, () => run(document, seen, 'dotenv'))
    return { plaintext: { kind: 'values', values }, keyTypes: used }
  }
}
