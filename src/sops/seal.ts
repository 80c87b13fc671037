/** From values to files that stock sops decrypts, edits and rotates. */
import { createHash, randomBytes } from 'node:crypto'
import { sealAgeFile } from '../age/file.ts'
import { encryptValue } from './cipher.ts'
import { splitLines } from './dotenv-lines.ts'
import { DEFAULT_SUFFIX, type Rule, type Selector, selectorOf } from './rule.ts'
import { MAC_ONLY_ENCRYPTED } from './values.ts'

/** The version of sops whose files these are like, which sops reads as a version of itself. */
const SOPS_VERSION = '3.13.3'
const DATA_KEY_BYTES = 32

export interface SealOptions {
  /** What is encrypted; all but names that end with `_unencrypted`, as with sops, when nothing else is said. */
  readonly rule?: Rule
  readonly macOnlyEncrypted?: boolean
  readonly now?: Date
}

const DEFAULT_RULE: Rule = { name: 'unencrypted_suffix', text: DEFAULT_SUFFIX }

/** Something that a format of sops can't hold. Says where, and never what the value is. */
export class CannotHold extends Error {
  override readonly name = 'CannotHold'
  /** The number of the line in dotenv text, or the name in JSON. */
  readonly where: number | string

  constructor(where: number | string, reason: string) {
    super(reason)
    this.where = where
  }
}

interface Line {
  readonly comment?: Buffer
  readonly name: string
  readonly value: Buffer
}

/** The lines of dotenv text as sops reads it, raw: no quotes. Throws CannotHold. */
function readLines(text: string): Line[] {
  return splitLines(text).map((raw): Line => {
    if (raw.kind === 'comment') return { comment: Buffer.from(raw.text), name: '', value: Buffer.alloc(0) }
    if (raw.kind === 'nothing')
      throw new CannotHold(raw.line, 'a line that is neither a comment nor NAME=value')
    if (raw.kind === 'metadata') throw new CannotHold(raw.line, 'a name that sops keeps for itself')
    return { name: raw.name, value: Buffer.from(raw.text.replaceAll('\\n', '\n')) }
  })
}

/** The first line of dotenv text that SOPS dotenv can't hold, and why; undefined when it holds all of it. */
export function unholdableLine(text: string): { readonly line: number; readonly reason: string } | undefined {
  try {
    readLines(text)
    return undefined
  } catch (error) {
    if (!(error instanceof CannotHold)) throw error
    return { line: Number(error.where), reason: error.message }
  }
}

/** A sealer with a fresh data key: encrypts items in the order of the file, then closes with the metadata. */
class Sealer {
  readonly #key = randomBytes(DATA_KEY_BYTES)
  readonly #hash = createHash('sha512')
  readonly #rule: Rule
  readonly #selector: Selector
  readonly #macOnlyEncrypted: boolean
  readonly #now: Date

  private constructor(
    rule: Rule,
    selector: Selector,
    { macOnlyEncrypted = false, now = new Date() }: SealOptions,
  ) {
    this.#rule = rule
    this.#selector = selector
    this.#macOnlyEncrypted = macOnlyEncrypted
    if (macOnlyEncrypted) this.#hash.update(MAC_ONLY_ENCRYPTED)
    this.#now = now
  }

  static async make(options: SealOptions): Promise<Sealer> {
    const { rule: wanted } = options
    // Every name ends with nothing: an empty suffix is none, as in sops.
    const rule = wanted === undefined || wanted.text === '' ? DEFAULT_RULE : wanted
    const selector = await selectorOf(rule)
    if (selector === undefined) throw new CannotHold('rule', 'a pattern that only sops reads')
    return new Sealer(rule, selector, options)
  }

  value(name: string, plain: Buffer): string {
    const encrypted = this.#selector.value(name)
    if (encrypted || !this.#macOnlyEncrypted) this.#hash.update(plain)
    return encrypted ? encryptValue(plain, 'str', this.#key, `${name}:`) : plain.toString()
  }

  /** Comments are encrypted at the top of the tree, and are not in the MAC. */
  comment(plain: Buffer): string {
    if (!this.#selector.comment(plain.toString())) return plain.toString()
    return encryptValue(plain, 'comment', this.#key, ':')
  }

  async metadata(recipients: readonly string[]) {
    if (recipients.length === 0) throw new CannotHold('recipients', 'nobody to encrypt to')
    // One age file for each, so that sops can add and remove them one by one; RFC 3339 to the second.
    const age = await Promise.all(
      recipients.map(async (recipient) => {
        const enc = await sealAgeFile(this.#key, [recipient], { armored: true })
        return { enc: enc.toString('latin1'), recipient }
      }),
    )
    const lastmodified = this.#now.toISOString().replace(/\.\d+/, '')
    const digest = Buffer.from(this.#hash.digest('hex').toUpperCase())
    const mac = encryptValue(digest, 'str', this.#key, lastmodified)
    return {
      age,
      lastmodified,
      mac,
      ...(this.#macOnlyEncrypted && { mac_only_encrypted: true }),
      [this.#rule.name]: this.#rule.text,
      version: SOPS_VERSION,
    }
  }
}

/**
 * SOPS dotenv of this text, comments and order kept. Throws CannotHold with the number of the line, when the format
 * has no place for it. `sops decrypt` gives the text back, less its blank lines.
 */
export async function sealDotenv(
  text: string,
  recipients: readonly string[],
  options: SealOptions = {},
): Promise<Buffer> {
  const sealer = await Sealer.make(options)
  const lines = readLines(text).map(({ comment, name, value }) =>
    comment === undefined ? `${name}=${sealer.value(name, value)}` : `#${sealer.comment(comment)}`,
  )
  const { age, ...rest } = await sealer.metadata(recipients)
  age.forEach(({ enc, recipient }, at) => {
    lines.push(`sops_age__list_${at}__map_enc=${enc}`, `sops_age__list_${at}__map_recipient=${recipient}`)
  })
  for (const [name, value] of Object.entries(rest)) lines.push(`sops_${name}=${value}`)
  return Buffer.from(lines.map((line) => `${line.replaceAll('\n', '\\n')}\n`).join(''))
}

/** SOPS JSON of these names and strings, in their order: every string survives as it is. */
export async function sealJson(
  entries: ReadonlyArray<readonly [name: string, value: string]>,
  recipients: readonly string[],
  options: SealOptions = {},
): Promise<Buffer> {
  const sealer = await Sealer.make(options)
  const seen = new Set(['sops'])
  const members = entries.map(([name, value]) => {
    if (seen.has(name))
      throw new CannotHold(name, name === 'sops' ? 'a name that sops keeps for itself' : 'a name twice')
    seen.add(name)
    return `\t${JSON.stringify(name)}: ${JSON.stringify(sealer.value(name, Buffer.from(value)))}`
  })
  const metadata = JSON.stringify(await sealer.metadata(recipients), undefined, '\t').replaceAll('\n', '\n\t')
  return Buffer.from(`{\n${[...members, `\t"sops": ${metadata}`].join(',\n')}\n}\n`)
}
