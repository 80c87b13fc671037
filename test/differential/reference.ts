/** The real sops, as the reference that the builtin engine is held against. */
import { execFile } from 'node:child_process'
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterAll } from 'vitest'
import { type Identity, parseIdentities } from '../../src/age/identities.ts'
import { generateKey } from '../../src/age/keygen.ts'
import { DisintoError } from '../../src/errors.ts'
import { textOf } from '../../src/load/dotenv.ts'
import type { Document, Format, Plaintext } from '../../src/nouns.ts'
import { prepareBuiltin } from '../../src/sops/builtin.ts'
import { deep, seed } from '../helpers/property.ts'

export { deep, seed }

function findSops(): string {
  const candidates = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'sops'))
  for (const program of [process.env['SOPS_PROGRAM'] ?? '', ...candidates]) {
    try {
      accessSync(program, constants.X_OK)
      return program
    } catch {
      // The next one.
    }
  }
  throw new Error('needs the sops program: set SOPS_PROGRAM or put sops on PATH')
}

export const program = findSops()
export const folder = mkdtempSync(join(tmpdir(), 'disinto-differential-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Keys of a run, made anew each time. */
export const keys = [generateKey(), generateKey(), generateKey()] as const
export const recipients = keys.map(({ recipient }) => recipient)
export const identities = parseIdentities(keys.map(({ text }) => text).join('\n'))

/** The text of the secret line alone, as SOPS_AGE_KEY takes it. */
export function secretOf(text: string): string {
  return text.split('\n').find((line) => line.startsWith('AGE-SECRET-KEY-')) ?? ''
}

export interface Ran {
  readonly ok: boolean
  readonly stdout: Buffer
  readonly stderr: string
}

/** Runs sops with one key and nothing else of this machine's configuration. */
export function sops(args: readonly string[], keyText = keys[0].text, editor = ''): Promise<Ran> {
  const env = {
    HOME: folder,
    PATH: process.env['PATH'] ?? '',
    SOPS_AGE_KEY: secretOf(keyText),
    EDITOR: editor,
  }
  return new Promise((resolve) => {
    execFile(
      program,
      args,
      { cwd: folder, env, encoding: 'buffer', maxBuffer: 64 * 1024 * 1024 },
      (error, stdout, stderr) => resolve({ ok: error === null, stdout, stderr: stderr.toString() }),
    )
  })
}

/** The bytes of a plaintext as `sops decrypt` prints them; undefined for JSON, which has more than one form. */
export function printed(plaintext: Plaintext): Buffer | undefined {
  if (plaintext.kind === 'values') return undefined
  return plaintext.kind === 'items' ? textOf(plaintext.items) : plaintext.bytes
}

let counter = 0

/** A fresh file in the folder of the run. */
export function put(content: string | Buffer, extension: string): string {
  const path = join(folder, `${process.pid}-${counter++}.${extension}`)
  writeFileSync(path, content)
  return path
}

export type Kind = 'dotenv' | 'json' | 'binary'
const FORMATS: Readonly<Record<Kind, Format>> = {
  dotenv: 'sops-dotenv',
  json: 'sops-json',
  binary: 'sops-binary',
}

/** A creation rule, as .sops.yaml has it. */
export type CreationRule = Readonly<Record<string, string | boolean>>

/** What sops makes of a plaintext. */
export async function sopsEncrypt(
  content: string | Buffer,
  kind: Kind,
  rule: CreationRule = {},
): Promise<Ran> {
  const config = put(JSON.stringify({ creation_rules: [{ age: recipients.join(','), ...rule }] }), 'yaml')
  const path = put(content, 'plain')
  const ran = await sops([
    '--config',
    config,
    'encrypt',
    '--input-type',
    kind,
    '--output-type',
    kind === 'binary' ? 'json' : kind,
    path,
  ])
  rmSync(path)
  rmSync(config)
  return ran
}

/** What sops reads from an encrypted file, or that it refuses it. */
export async function sopsDecrypt(
  content: Buffer,
  kind: Kind,
  outputKind: Kind = kind,
  keyText = keys[0].text,
): Promise<Ran> {
  const path = put(content, 'enc')
  const ran = await sops(['decrypt', '--input-type', kind, '--output-type', outputKind, path], keyText)
  rmSync(path)
  return ran
}

export function documentOf(bytes: Buffer, kind: Kind): Document {
  const source = { role: 'secret', name: 'A', path: 'secrets/A.enc' } as const
  return { source: source as Document['source'], bytes, format: FORMATS[kind] }
}

export type Answer =
  | { readonly kind: 'opened'; readonly plaintext: Plaintext }
  | { readonly kind: 'declined'; readonly reason: string }
  | { readonly kind: 'refused'; readonly code: string }

/** What the builtin engine says to a file. Anything but an answer or our own error is thrown on. */
export async function builtin(
  bytes: Buffer,
  kind: Kind,
  ids: readonly Identity[] = identities,
): Promise<Answer> {
  const document = documentOf(bytes, kind)
  try {
    const prepared = await prepareBuiltin(document, ids)
    if ('declines' in prepared) return { kind: 'declined', reason: prepared.declines }
    return { kind: 'opened', plaintext: await prepared.open() }
  } catch (error) {
    if (error instanceof DisintoError) return { kind: 'refused', code: error.code }
    throw error
  }
}

/** The names and values that sops reads from JSON, numbers and booleans as its dotenv store and exec-env print them. */
export async function sopsValues(content: Buffer): Promise<Array<readonly [string, string]> | undefined> {
  const json = await sopsDecrypt(content, 'json')
  if (!json.ok) return undefined
  const members = Object.entries(JSON.parse(json.stdout.toString()) as Record<string, unknown>)
  if (members.every(([, value]) => typeof value === 'string')) return members as Array<[string, string]>
  const lines = (await sopsDecrypt(content, 'json', 'dotenv')).stdout.toString().split('\n')
  return members.map(([name, value]) => {
    if (typeof value === 'string') return [name, value] as const
    const line = lines.find((text) => text.startsWith(`${name}=`)) ?? ''
    return [name, line.slice(name.length + 1)] as const
  })
}
