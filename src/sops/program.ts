/** The engine that runs the sops program; plaintext comes back through a pipe and touches nothing else. */
import { resolve } from 'node:path'
import type { Keyring } from '../age/sources.ts'
import { capture, type Ended, findProgram } from '../child.ts'
import { DisintoError, errnoOf, failure } from '../errors.ts'
import { refusalOf } from './refusal.ts'
import type { Document, Plaintext, SopsFormat } from '../nouns.ts'

/** sops' names for what it reads and what we want back. A value's exact text survives in JSON only. */
const TYPES: Record<SopsFormat, readonly [input: string, output: string]> = {
  'sops-dotenv': ['dotenv', 'dotenv'],
  'sops-json': ['json', 'json'],
  'sops-yaml': ['yaml', 'json'],
  'sops-ini': ['ini', 'json'],
  'sops-binary': ['binary', 'binary'],
}

/** The sops program of a PATH, as findProgram finds it. */
export function findSops(variables: ReadonlyMap<string, string>): string | undefined {
  return findProgram('sops', variables)
}

/** The environment for a sops that runs in another directory than ours: relative key files are made absolute. */
function variablesForSops(variables: ReadonlyMap<string, string>, cwd: string): ReadonlyMap<string, string> {
  const absolute = new Map(variables)
  for (const name of ['SOPS_AGE_KEY_FILE', 'SOPS_AGE_SSH_PRIVATE_KEY_FILE']) {
    const file = variables.get(name)
    // Empty counts as not set; sops would try to open a file without a name.
    if (file === '') absolute.delete(name)
    else if (file !== undefined) absolute.set(name, resolve(cwd, file))
  }
  return absolute
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
): (words: readonly string[], path: string, missing: () => DisintoError, cwd?: string) => Promise<Ended> {
  const forSops = variablesForSops(variables, workingDirectory)
  let program: string | undefined

  return async (words, path, missing, cwd = '/') => {
    program ??= findSops(variables)
    if (program === undefined) throw missing()
    try {
      return await capture(program, words, forSops, cwd)
    } catch (error) {
      if (error instanceof DisintoError) throw error
      throw failure('sops-unstartable', { path, reason: errnoOf(error) })
    }
  }
}

/**
 * Makes the opener for an environment: PATH and the places of keys are taken from it. `readKeys` is asked when a
 * refusal must be explained; `reason` says why sops is needed, if not by choice.
 */
export function sopsOpener(
  variables: ReadonlyMap<string, string>,
  workingDirectory: string,
  readKeys: () => Promise<Keyring>,
): (document: Document, reason?: string) => Promise<Plaintext> {
  const runSops = sopsRunner(variables, workingDirectory)

  const run = async (document: Document, input: string, output: string, reason?: string): Promise<Buffer> => {
    const { path } = document.source
    const words = ['decrypt', '--input-type', input, '--output-type', output, path]
    const ended = await runSops(words, path, () => failure('sops-missing', { path, reason }))
    if (ended.overflowed) throw failure('sops-output', { path })
    if (ended.status !== 0) throw await refusalOf(document, ended, variables, readKeys)
    return ended.stdout
  }

  return async (document, reason) => {
    const { format } = document
    if (format === 'age' || format === 'plaintext')
      throw failure('source-not-encrypted', { path: document.source.path })
    // sops would hand back the first of them and drop the others without a word.
    if (format === 'sops-yaml' && /\n---(?:\s|$)/.test(document.bytes.toString())) {
      throw failure('source-several', { path: document.source.path })
    }
    const [input, output] = TYPES[format]
    const opened = await run(document, input, output, reason)
    if (output !== 'json') return { kind: 'bytes', bytes: opened }
    return { kind: 'values', values: await valuesOf(document, opened, () => run(document, input, 'dotenv')) }
  }
}
