/** Values to encrypted files by the creation rules, each opened again before it gets its name. */
import { isUtf8 } from 'node:buffer'
import { isDeepStrictEqual } from 'node:util'
import { DisintoError } from '../../errors.ts'
import { parseDotenv } from '../../load/dotenv.ts'
import { MAX_FILE_BYTES } from '../../load/read.ts'
import { sealDotenv, sealJson } from '../../sops/seal.ts'
import type { HostContext } from '../context.ts'
import type { CreationRules } from '../access/rules.ts'
import { documentOf, isForOthers, openWith, plaintextOf } from './open.ts'
import { encryptBySops, type SopsType } from './sops-encrypt.ts'
import { type Prepared, prepareFile, type WriteOptions } from '../files/write.ts'
import type { Plaintext, Source } from '../../nouns.ts'
import { type ErrorCode, failure } from '../errors.ts'

/** What a new file is to hold. */
export type Content =
  | { readonly kind: 'json'; readonly entries: ReadonlyArray<readonly [name: string, value: string]> }
  | { readonly kind: 'dotenv'; readonly text: string }
  | { readonly kind: 'binary'; readonly bytes: Buffer }
  /** What only the sops program writes, and has written: YAML, INI, numbers. */
  | { readonly kind: 'sealed'; readonly bytes: Buffer; readonly plaintext: Plaintext }

export interface SealTarget {
  readonly source: Source
  readonly rules: CreationRules
  /** Where the rules are, if not where they will be: new rules that have not got their name yet. */
  readonly config?: string
  /** The age that the file is to have: of the value, not of the encryption. */
  readonly lastModified?: Date
  /** The keys that must open it; those at hand unless told. */
  readonly openers?: ReadonlyMap<string, string>
  /** Whether it must be opened before it counts; else a file for others alone is written unopened. */
  readonly mustOpen?: boolean
}

/** The values that may stand in the clear: those that are encrypted, and empty ones. */
function isSealed(value: unknown): boolean {
  return value === '' || (typeof value === 'string' && value.startsWith('ENC['))
}

/** The first name whose value stands in the clear in what we or sops made. */
function clearName(content: Content, bytes: Buffer): string | undefined {
  if (content.kind === 'sealed') return undefined
  if (content.kind === 'dotenv') {
    const pairs = bytes
      .toString()
      .split('\n')
      .map((line) => /^([^#=][^=]*)=(.*)$/.exec(line) ?? [])
    return pairs.find(
      ([, name, value]) => name !== undefined && !name.startsWith('sops_') && !isSealed(value),
    )?.[1]
  }
  const parsed: unknown = JSON.parse(bytes.toString())
  const fields: Array<[string, unknown]> = Object.entries(Object(parsed))
  return fields.find(([name, value]) => name !== 'sops' && !isSealed(value))?.[0]
}

/** What a content is to sops: its type and its bytes. */
function forSops(content: Exclude<Content, { kind: 'sealed' }>): { type: SopsType; bytes: Buffer } {
  switch (content.kind) {
    case 'json':
      return { type: 'json', bytes: Buffer.from(JSON.stringify(Object.fromEntries(content.entries))) }
    case 'dotenv':
      return { type: 'dotenv', bytes: Buffer.from(content.text) }
    case 'binary':
      return { type: 'binary', bytes: content.bytes }
  }
}

async function seal(context: HostContext, content: Content, target: SealTarget): Promise<Buffer> {
  const { source, rules, lastModified } = target
  if (content.kind === 'sealed') return content.bytes
  const rule = rules.for(source.path)
  const isText = content.kind !== 'binary' || isUtf8(content.bytes)
  if (rule.needsSops !== undefined || !isText) {
    const reason = rule.needsSops ?? 'it is not text'
    const { type, bytes } = forSops(content)
    return encryptBySops(context, bytes, type, {
      path: rule.path,
      config: target.config ?? rules.path,
      reason,
    })
  }
  const options = { unencryptedSuffix: rule.unencryptedSuffix, ...(lastModified && { now: lastModified }) }
  if (content.kind === 'dotenv') return sealDotenv(content.text, rule.recipients, options)
  const entries = content.kind === 'json' ? content.entries : [['data', content.bytes.toString()] as const]
  return sealJson(entries, rule.recipients, options)
}

/**
 * Returns a content encrypted by the rule for its path. Throws rule-leaves-clear when a value would stand in the clear,
 * rule-none where there is no rule.
 */
export async function sealContent(
  context: HostContext,
  content: Content,
  target: SealTarget,
): Promise<Buffer> {
  const bytes = await seal(context, content, target)
  const clear = clearName(content, bytes)
  if (clear !== undefined) throw failure('rule-leaves-clear', { path: target.source.path, name: clear })
  return bytes
}

/** Whether the plaintext of a file is what it was meant to be: to the byte, or to the meaning of dotenv text. */
async function holds(plaintext: Plaintext, content: Content): Promise<boolean> {
  switch (content.kind) {
    case 'json':
      return plaintext.kind === 'values' && isDeepStrictEqual(plaintext.values, content.entries)
    case 'dotenv':
      return (
        plaintext.kind === 'bytes' &&
        isDeepStrictEqual(await parseDotenv(plaintext.bytes.toString()), await parseDotenv(content.text))
      )
    case 'binary':
      return plaintext.kind === 'bytes' && plaintext.bytes.equals(content.bytes)
    case 'sealed':
      return isDeepStrictEqual(plaintext, content.plaintext)
  }
}

/** What no key would mend. */
const DAMAGED: ReadonlySet<string> = new Set<ErrorCode>([
  'file-tampered',
  'source-not-encrypted',
  'sops-output',
  'value-type',
])

/** Opens what was written and compares; gives false when nothing at hand can open it: no key, or no access to one. */
async function opensTo(
  context: HostContext,
  content: Content,
  target: SealTarget,
  bytes: Buffer,
  temporary: string,
): Promise<boolean> {
  const { source, openers, mustOpen = false } = target
  const open = openWith(openers === undefined ? context : { ...context, variables: openers })
  let plaintext: Plaintext
  try {
    plaintext = await plaintextOf(documentOf({ ...source, path: temporary }, bytes), open)
  } catch (error) {
    if (error instanceof DisintoError && DAMAGED.has(error.code))
      throw failure('written-differs', { path: source.path })
    if (!mustOpen) return false
    throw isForOthers(error) ? failure('written-for-others', { path: source.path }) : error
  }
  if (!(await holds(plaintext, content))) throw failure('written-differs', { path: source.path })
  return true
}

export interface Sealed extends Prepared {
  /** Whether a key at hand opened it; else nobody here could. */
  readonly opened: boolean
}

/** Encrypts, writes beside the target, opens and compares. It has its name once it is committed. */
export async function prepareSealed(
  context: HostContext,
  content: Content,
  target: SealTarget,
  over?: WriteOptions['over'],
): Promise<Sealed> {
  const { path } = target.source
  const bytes = await sealContent(context, content, target)
  if (bytes.length > MAX_FILE_BYTES) throw failure('source-too-large', { path, limit: MAX_FILE_BYTES })
  let opened = false
  const prepared = await prepareFile(path, bytes, {
    ...(over !== undefined && { over }),
    verify: async (written, temporary) => {
      opened = await opensTo(context, content, target, written, temporary)
    },
  })
  return { ...prepared, opened }
}
