/** Values to encrypted files by the creation rules, each opened again before it gets its name. */
import { failure } from '../errors.ts'
import { parseDotenv } from '../load/dotenv.ts'
import type { Source } from '../load/locate.ts'
import { sealDotenv, sealJson } from '../sops/seal.ts'
import type { HostContext } from './context.ts'
import type { CreationRules } from './creation-rules.ts'
import { documentOf, entriesOf, isForOthers, openWith } from './opening.ts'
import { encryptBySops } from './sops-encrypt.ts'
import { type Prepared, prepareFile, type WriteOptions } from './write.ts'

/** What a new file is to hold. */
export type Content =
  | { readonly kind: 'secret'; readonly name: string; readonly value: string }
  | { readonly kind: 'dotenv'; readonly text: string }
  | { readonly kind: 'binary'; readonly bytes: Buffer }

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

/** Whether names and values can be told apart without a key, and no value stands in the clear. */
function clearName(content: Content, bytes: Buffer): string | undefined {
  const text = bytes.toString()
  if (content.kind === 'dotenv') {
    for (const line of text.split('\n')) {
      const [, name, value] = /^([^#=][^=]*)=(.*)$/.exec(line) ?? []
      if (name === undefined || name.startsWith('sops_')) continue
      if (value !== '' && value?.startsWith('ENC[') !== true) return name
    }
    return undefined
  }
  const name = content.kind === 'secret' ? content.name : 'data'
  const parsed: unknown = JSON.parse(text)
  const value =
    typeof parsed === 'object' && parsed !== null && name in parsed ? Object(parsed)[name] : undefined
  return value === '' || (typeof value === 'string' && value.startsWith('ENC[')) ? undefined : name
}

async function seal(context: HostContext, content: Content, target: SealTarget): Promise<Buffer> {
  const { source, rules, lastModified } = target
  const rule = rules.for(source.path)
  if (rule.needsSops !== undefined) {
    const where = { path: source.path, config: target.config ?? rules.path, reason: rule.needsSops }
    switch (content.kind) {
      case 'secret':
        return encryptBySops(
          context,
          Buffer.from(JSON.stringify({ [content.name]: content.value })),
          'json',
          where,
        )
      case 'dotenv':
        return encryptBySops(context, Buffer.from(content.text), 'dotenv', where)
      case 'binary':
        return encryptBySops(context, content.bytes, 'binary', where)
    }
  }
  const options = { unencryptedSuffix: rule.unencryptedSuffix, ...(lastModified && { now: lastModified }) }
  switch (content.kind) {
    case 'secret':
      return sealJson([[content.name, content.value]], rule.recipients, options)
    case 'dotenv':
      return sealDotenv(content.text, rule.recipients, options)
    case 'binary':
      return sealJson([['data', content.bytes.toString()]], rule.recipients, options)
  }
}

async function expected(content: Content): Promise<ReadonlyArray<readonly [string, string]>> {
  if (content.kind === 'secret') return [[content.name, content.value]]
  return parseDotenv(content.kind === 'dotenv' ? content.text : content.bytes.toString())
}

/** Opens what was written and compares; gives false when no key at hand is among its recipients. */
async function opensTo(
  content: Content,
  bytes: Buffer,
  temporary: string,
  target: SealTarget,
  context: HostContext,
): Promise<boolean> {
  const { source, openers } = target
  const document = documentOf({ ...source, path: temporary }, bytes)
  const open = openWith(openers === undefined ? context : { ...context, variables: openers })
  try {
    const names = new Map(await expected(content))
    const plaintext = (await open(document)).plaintext
    if (content.kind === 'binary') return plaintext.kind === 'bytes' && same(plaintext.bytes, content.bytes)
    const entries = await entriesOf(document, open, new Set(names.keys()))
    if (
      entries.length !== names.size ||
      entries.some(({ name, value }) => names.get(name) !== value.reveal())
    )
      throw failure('host-verify', source.path)
    return true
  } catch (error) {
    if (isForOthers(error)) {
      if (target.mustOpen === true) throw error
      return false
    }
    throw failure('host-verify', source.path)
  }
}

function same(one: Buffer, other: Buffer): boolean {
  if (!one.equals(other)) throw new Error('differs')
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
  const bytes = await seal(context, content, target)
  const clear = clearName(content, bytes)
  if (clear !== undefined) throw failure('rule-leaves-clear', path, clear)
  let opened = false
  const prepared = await prepareFile(path, bytes, {
    ...(over !== undefined && { over }),
    verify: async (written, temporary) => {
      opened = await opensTo(content, written, temporary, target, context)
    },
  })
  return { ...prepared, opened }
}
