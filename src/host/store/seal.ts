/** Values to encrypted files by the creation rules, each opened again before it gets its name. */
import { isUtf8 } from 'node:buffer'
import { existsSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { DisintoError } from '../../errors.ts'
import { parseDotenv, readItems, valuesOf } from '../../load/dotenv.ts'
import { MAX_FILE_BYTES, readWhole } from '../../load/read.ts'
import type { Plaintext, Source } from '../../nouns.ts'
import { quote } from '../../quote.ts'
import { areSameKeys } from '../../sops/master-key.ts'
import type { Outside } from '../../sops/outside.ts'
import { type Rule, selectorOf } from '../../sops/rule.ts'
import { sealDotenv, sealJson } from '../../sops/seal.ts'
import { ownRecipients } from '../access/keys.ts'
import type { CreationRule, CreationRules } from '../access/rules.ts'
import { confirmed } from '../cli/prompt.ts'
import type { HostContext } from '../context.ts'
import { type ErrorCode, failure } from '../errors.ts'
import { checkUnlinked, type Prepared, prepareFile, type WriteOptions } from '../files/write.ts'
import { type Audience, audienceOfFile, audienceOfRule, reasonForSops, sopsConfigFor } from './audience.ts'
import { ensureAccepted } from './consent.ts'
import { outsideOf, readClearOf, readOutsideOf } from './inventory.ts'
import { documentOf, isForOthers, openWith, plaintextOf } from './open.ts'
import { checkReaders } from './proved-readers.ts'
import { encryptBySops, type SopsType } from './sops-encrypt.ts'

/** What a new file is to hold. */
export type Content =
  | {
      readonly kind: 'json'
      readonly entries: ReadonlyArray<readonly [name: string, value: string]>
      /** The names whose values are numbers or booleans, as JSON writes them; only sops writes those. */
      readonly literals?: ReadonlySet<string>
    }
  | { readonly kind: 'dotenv'; readonly text: string }
  | { readonly kind: 'binary'; readonly bytes: Buffer }
  /** What only the sops program writes, and has written: YAML, INI, numbers. */
  | { readonly kind: 'sealed'; readonly bytes: Buffer; readonly plaintext: Plaintext }

export interface SealTarget {
  readonly source: Source
  readonly rules: CreationRules
  /** The age that the file is to have: of the value, not of the encryption. */
  readonly lastModified?: Date
  /** The keys that must open it; those at hand unless told. */
  readonly openers?: ReadonlyMap<string, string>
  /** Whether it must be opened before it counts; else a file for others alone is written unopened. */
  readonly mustOpen?: boolean
  /** Who it is for, if that is decided; else the accepted rules decide, and the file that is there. */
  readonly audience?: Audience
}

/** How a file is encrypted: for whom, which values, by what. */
interface Plan {
  readonly audience: Audience
  readonly rule: CreationRule
  readonly encrypts: Rule
  readonly macOnlyEncrypted: boolean
  /** What stood in the clear before, by the file's own rule, and how many comments. */
  readonly clear: ReadonlyMap<string, string>
  readonly clearComments: number
}

/** What the file says that is there now; undefined where there is none, or none with recipients. */
async function fileNow(source: Source): Promise<Outside | undefined> {
  if (!existsSync(source.path)) return undefined
  const outside = await outsideOf(source)
  return outside.recipients.length > 0 ? outside : undefined
}

/** Tells who gains and who loses by writing a file again; where somebody can be asked, that decides. */
async function agreed(context: HostContext, file: Outside, rule: CreationRule): Promise<Audience> {
  const { interactive, speak } = context
  const { path } = rule
  const own = await ownRecipients(context)
  const audience = audienceOfFile(file, rule, own)
  const { lost, lacking } = audience
  const named = (keys: readonly string[]) => keys.map(quote).join(', ')
  if (lost.length > 0) {
    speak.note(
      `${quote(path)}: ${named(lost)} could open it, but no accepted rule names them: they could not open the new file`,
    )
    if (interactive && !(await confirmed(context, 'Write it without them?', '', true)))
      throw failure('interrupted-nothing')
  }
  if (lacking.length > 0) {
    speak.note(`${quote(path)}: ${named(lacking)} could not open it, though ${quote(rule.config)} names them`)
    if (interactive && (await confirmed(context, 'Encrypt it to them as well?', '')))
      return audienceOfFile(file, rule, own, lacking)
  }
  return audience
}

async function planFor(context: HostContext, { source, rules, audience }: SealTarget): Promise<Plan> {
  const { path } = source
  const file = await fileNow(source)
  const rule = rules.for(path)
  if (audience === undefined) await ensureAccepted(context, rules, [path])
  const decided = audience ?? (file === undefined ? audienceOfRule(rule) : await agreed(context, file, rule))
  // A file's own rule stays, unless it left the one value of a secret in the clear.
  const keeps = file !== undefined && !(source.role === 'secret' && file.clear.length > 0)
  const { encrypts, macOnlyEncrypted } = keeps ? { ...file, encrypts: file.rule } : rule
  return {
    audience: decided,
    rule,
    encrypts,
    macOnlyEncrypted,
    clear: keeps ? await readClearOf(readWhole(path)) : new Map(),
    clearComments: keeps ? file.clearComments : 0,
  }
}

/**
 * Throws for a value in the clear that was not there before. What a file says of its own rule is a claim: where the
 * accepted rule has a name encrypted, another value of it does not follow the old one into the clear.
 */
async function checkClear(path: string, made: ReadonlyMap<string, string>, plan: Plan): Promise<void> {
  const { encrypts, rule, clear } = plan
  const own = encrypts.name !== rule.encrypts.name || encrypts.text !== rule.encrypts.text
  const selector = own ? await selectorOf(rule.encrypts) : undefined
  for (const [name, text] of made) {
    if (text === clear.get(name)) continue
    if (!clear.has(name)) throw failure('rule-leaves-clear', { path, name })
    if (own && selector?.value(name) !== false)
      throw failure('file-leaves-clear', { path, name, rule: encrypts.name })
  }
}

/** Throws unless what was made is for those whom it was meant for, and leaves nothing in the clear that was not. */
async function checkMade(path: string, bytes: Buffer, content: Content, plan: Plan): Promise<void> {
  const made = await readOutsideOf(bytes)
  const { groups } = plan.audience
  const same =
    made.groups.length === groups.length &&
    made.groups.every((keys, at) => areSameKeys(keys, groups[at] ?? []))
  if (!same) throw failure('readers-unchecked', { path })
  if (content.kind === 'sealed') return
  await checkClear(path, await readClearOf(bytes), plan)
  if (made.clearComments > 0 && plan.clearComments === 0)
    throw failure('rule-leaves-clear', { path, name: '# …' })
}

/** JSON text in the order of the entries, whatever their names. */
function jsonText({ entries, literals }: Extract<Content, { kind: 'json' }>): string {
  const members = entries.map(([name, value]) => {
    const written = literals?.has(name) === true ? value : JSON.stringify(value)
    return `${JSON.stringify(name)}:${written}`
  })
  return `{${members.join(',')}}`
}

/** Why sops has to encrypt a content, whoever it is for; undefined where it need not. */
function reasonOfContent(content: Exclude<Content, { kind: 'sealed' }>): string | undefined {
  if (content.kind === 'binary' && !isUtf8(content.bytes)) return 'it is not text'
  if (content.kind === 'json' && (content.literals?.size ?? 0) > 0) return 'it has a number or a boolean'
  return undefined
}

/** What a content is to sops: its type and its bytes. */
function forSops(content: Exclude<Content, { kind: 'sealed' }>): { type: SopsType; bytes: Buffer } {
  switch (content.kind) {
    case 'json':
      return { type: 'json', bytes: Buffer.from(jsonText(content)) }
    case 'dotenv':
      return { type: 'dotenv', bytes: Buffer.from(content.text) }
    case 'binary':
      return { type: 'binary', bytes: content.bytes }
  }
}

/** Encrypts by the sops program to an audience, as a file of a rule is encrypted. */
async function sealBySops(
  context: HostContext,
  { type, bytes }: { readonly type: SopsType; readonly bytes: Buffer },
  { audience, rule, encrypts, macOnlyEncrypted }: Plan,
  reason: string,
): Promise<Buffer> {
  const { path } = rule
  const text = sopsConfigFor(rule, audience, encrypts, macOnlyEncrypted)
  // Never the .sops.yaml itself, which may be another by the time that sops reads it.
  const config = await prepareFile(context.project.sopsConfig, Buffer.from(text), { over: 'new' })
  try {
    return await encryptBySops(context, bytes, type, { path, config: config.temporary, reason })
  } finally {
    config.discard()
  }
}

async function seal(context: HostContext, content: Content, target: SealTarget, plan: Plan): Promise<Buffer> {
  const { lastModified } = target
  if (content.kind === 'sealed') return content.bytes
  const { audience, encrypts, macOnlyEncrypted } = plan
  const reason = (await reasonForSops(audience, encrypts)) ?? reasonOfContent(content)
  if (reason !== undefined) return sealBySops(context, forSops(content), plan, reason)
  const recipients = audience.groups.flat()
  const options = { rule: encrypts, macOnlyEncrypted, ...(lastModified && { now: lastModified }) }
  if (content.kind === 'dotenv') return sealDotenv(content.text, recipients, options)
  const entries = content.kind === 'json' ? content.entries : [['data', content.bytes.toString()] as const]
  return sealJson(entries, recipients, options)
}

/**
 * Returns a content encrypted for those whom the accepted rules and the file that is there allow. Throws
 * rule-leaves-clear and file-leaves-clear when a value would stand in the clear that did not, rule-none where there is no rule,
 * recipient-unaccepted, and readers-unchecked when the result is not for those whom it was meant for.
 */
export async function sealContent(
  context: HostContext,
  content: Content,
  target: SealTarget,
): Promise<Buffer> {
  const plan = await planFor(context, target)
  const bytes = await seal(context, content, target, plan)
  await checkMade(target.source.path, bytes, content, plan)
  return bytes
}

/** Whether the plaintext of a file is what it was meant to be: to the byte, or to the meaning of dotenv text. */
async function holds(plaintext: Plaintext, content: Content): Promise<boolean> {
  switch (content.kind) {
    case 'json':
      return plaintext.kind === 'values' && isDeepStrictEqual(plaintext.values, content.entries)
    case 'dotenv':
      return (
        plaintext.kind === 'items' &&
        isDeepStrictEqual(valuesOf(await readItems(plaintext.items)), await parseDotenv(content.text))
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
  written: { readonly bytes: Buffer; readonly path: string },
): Promise<boolean> {
  const { source, openers, mustOpen = false } = target
  const open = openWith(openers === undefined ? context : { ...context, variables: openers })
  let plaintext: Plaintext
  try {
    plaintext = await plaintextOf(documentOf({ ...source, path: written.path }, written.bytes), open)
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

/**
 * Encrypts, writes beside the target, opens and compares. It has its name once it is committed. Throws reader-unproved
 * where the env file that is to be written over was not for those whom it names.
 */
export async function prepareSealed(
  context: HostContext,
  content: Content,
  target: SealTarget,
  over?: WriteOptions['over'],
): Promise<Sealed> {
  const { path } = target.source
  checkUnlinked(context.project.root, path)
  // A secret file holds its own name alone; `.env.enc` any that somebody has brought there.
  if (Buffer.isBuffer(over) && target.source.role === 'env-file')
    await checkReaders(context, documentOf(target.source, over))
  const bytes = await sealContent(context, content, target)
  if (bytes.length > MAX_FILE_BYTES) throw failure('source-too-large', { path, limit: MAX_FILE_BYTES })
  let opened = false
  const prepared = await prepareFile(path, bytes, {
    ...(over !== undefined && { over }),
    verify: async (written, temporary) => {
      opened = await opensTo(context, content, target, { bytes: written, path: temporary })
    },
  })
  return { ...prepared, opened }
}
