/**
 * Every reader of bytes that a stranger may have written. Each takes bytes and returns, or throws one of the errors that
 * are answers; everything else that it throws is a find, as is a broken promise.
 */
import { armor, dearmor } from '../../src/age/armor.ts'
import { AgeFault } from '../../src/age/fault.ts'
import { parseAgeFile } from '../../src/age/file.ts'
import { type Identity, MalformedIdentity, parseIdentities } from '../../src/age/identities.ts'
import { DisintoError } from '../../src/errors.ts'
import { parseRules } from '../../src/host/access/rules.ts'
import { readReferences } from '../../src/host/compose/references.ts'
import { diagnoseText } from '../../src/load/diagnosis.ts'
import { ForeignName, readDotenv } from '../../src/load/dotenv.ts'
import { detectFormat } from '../../src/load/format.ts'
import { fillReferences, ReferencesTooLarge } from '../../src/load/references.ts'
import type { Document } from '../../src/nouns.ts'
import { prepareBuiltin } from '../../src/sops/builtin.ts'
import { parseEnvelope } from '../../src/sops/envelope.ts'
import { SopsFault } from '../../src/sops/fault.ts'
import { isList, isMap, isNumber, type JsonValue, parseJson } from '../../src/sops/json.ts'
import { readOutside } from '../../src/sops/outside.ts'
import { readYamlTree } from '../../src/sops/outside-yaml.ts'
import { loadPatterns } from '../../src/sops/pattern.ts'
import { restrictKeyTypes } from '../../src/sops/restrict.ts'
import { parseYaml } from '../../src/yaml.ts'

const ANSWERS = [AgeFault, DisintoError, ForeignName, MalformedIdentity, ReferencesTooLarge, SopsFault]

export function isAnswer(error: unknown): boolean {
  return ANSWERS.some((kind) => error instanceof kind)
}

/** Does something of which an answer in place of a result is as good. */
async function answered(work: () => unknown): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!isAnswer(error)) throw error
  }
}

function promise(kept: boolean, what: string): void {
  if (!kept) throw new Error(`broken promise: ${what}`)
}

/** Our tree as JSON.parse would have it. */
function plain(value: JsonValue): unknown {
  if (isNumber(value)) return Number(value.number)
  if (isList(value)) return value.map(plain)
  if (!isMap(value)) return value
  const map: Record<string, unknown> = {}
  for (const [name, member] of value.members) {
    Object.defineProperty(map, name, {
      value: plain(member),
      enumerable: true,
      configurable: true,
      writable: true,
    })
  }
  return map
}

const SOPS_FORMATS = ['sops-dotenv', 'sops-json', 'sops-binary'] as const

export type Reader = (bytes: Buffer) => unknown

/** By name; `identities` are those of the corpus, so that whole files open. */
export function readers(identities: readonly Identity[]): Readonly<Record<string, Reader>> {
  return {
    format: (bytes) => detectFormat(bytes),

    json(bytes) {
      const text = bytes.toString()
      const ours = parseJson(text)
      let theirs: unknown
      try {
        theirs = JSON.parse(text)
      } catch {
        return promise(ours === undefined, 'parseJson reads what is no JSON')
      }
      // Too deep for either of us.
      if (ours === undefined) return
      // Half a surrogate pair is another character here, and of two members of one name JSON.parse drops one.
      if (/\\u[dD][89a-fA-F]/.test(text)) return
      promise(JSON.stringify(plain(ours)) === JSON.stringify(theirs), 'parseJson and JSON.parse differ')
    },

    async envelope(bytes) {
      for (const format of SOPS_FORMATS)
        await answered(async () => {
          const envelope = await parseEnvelope(bytes, format)
          if ('declines' in envelope) return
          for (const item of envelope.items) {
            if (item.kind === 'comment') envelope.selector.comment(item.text)
            else envelope.selector.value(item.name)
          }
        })
    },

    async pattern(bytes) {
      const text = bytes.toString()
      const cut = text.indexOf('\n')
      const matches = (await loadPatterns())(cut < 0 ? text : text.slice(0, cut))
      return matches?.(cut < 0 ? 'API_TOKEN' : text.slice(cut + 1, cut + 1025))
    },

    age(bytes) {
      const { header, payload } = parseAgeFile(bytes)
      promise(header.bytes.length + payload.length <= bytes.length, 'an age file longer than its bytes')
    },

    armor(bytes) {
      const inner = dearmor(bytes.toString('latin1'))
      promise(dearmor(armor(inner)).equals(inner), 'armor that does not open to what was armored')
    },

    async identities(bytes) {
      for (const words of [true, false]) await answered(() => parseIdentities(bytes.toString(), { words }))
    },

    async dotenv(bytes) {
      const reading = await readDotenv(bytes.toString())
      await diagnoseText(bytes.toString())
      fillReferences(reading.assignments, '/home')
    },

    async outside(bytes) {
      for (const format of [...SOPS_FORMATS, 'sops-yaml', 'sops-ini'] as const)
        await answered(() => readOutside(bytes, format, readYamlTree))
    },

    /** What sops is given of each format. */
    async restrict(bytes) {
      const source = { role: 'env-file', path: '/fuzz/.env.enc', plaintextAllowed: false } as const
      for (const format of [...SOPS_FORMATS, 'sops-yaml', 'sops-ini'] as const)
        await answered(() =>
          restrictKeyTypes({ source, bytes, format }, new Set(['age', 'hc_vault']), new Map()),
        )
    },

    async yaml(bytes) {
      await answered(async () => {
        const document = await parseYaml('/fuzz/x.yml', bytes.toString())
        document?.toJS({ maxAliasCount: -1 })
      })
    },

    async compose(bytes) {
      await answered(() => readReferences('/fuzz/compose.yml', bytes.toString()))
    },

    async rules(bytes) {
      await answered(() => parseRules('/fuzz/.sops.yaml', bytes.toString()))
    },

    /** Two that are not ours: they show that a crash and a hang are found. */
    crashes(bytes) {
      if (bytes.includes('"')) throw new Error('planted')
    },
    hangs(bytes) {
      while (bytes.includes('"'));
    },

    /** From bytes to values, as a start does it; the key of the corpus opens the corpus. */
    async open(bytes) {
      const format = detectFormat(bytes)
      if (format === undefined) return
      const document: Document = {
        source: { role: 'env-file', path: '/fuzz/.env.enc', plaintextAllowed: false },
        bytes,
        format,
      }
      const prepared = await prepareBuiltin(document, identities)
      if ('open' in prepared) await prepared.open()
    },
  }
}
