/** The metadata of a SOPS file (stores/stores.go, metadata; stores/metadata.go), as far as this engine goes. */
import { KEY_TYPES, type KeyType } from '../nouns.ts'
import { damaged } from './fault.ts'
import { isList, isMap, isNumber, type JsonMap, type JsonValue } from './json.ts'
import { DEFAULT_SUFFIX, RULE_NAMES, type Rule } from './rule.ts'

/** The data key, encrypted to one recipient: an armored age file. */
export interface AgeKey {
  readonly recipient: string
  readonly enc: string
}

export interface Metadata {
  readonly keys: readonly AgeKey[]
  /** The other kinds of keys that it is encrypted to. */
  readonly otherKeys: readonly KeyType[]
  readonly lastModified: string
  readonly mac: string
  readonly macOnlyEncrypted: boolean
  readonly rule: Rule
}

/** What this engine leaves to sops, and why. */
export interface Declined {
  readonly declines: string
}

/** What each kind is called in a message. */
export const KEY_TYPE_TITLES: Readonly<Record<KeyType, string>> = {
  age: 'age keys',
  pgp: 'PGP keys',
  kms: 'AWS KMS keys',
  gcp_kms: 'GCP KMS keys',
  azure_kv: 'Azure Key Vault keys',
  hckms: 'HuaweiCloud KMS keys',
  hc_vault: 'HashiCorp Vault keys',
}

/** Whether the name of an entry is that of a kind of keys. */
export function isKeyType(name: string): name is KeyType {
  return (KEY_TYPES as readonly string[]).includes(name)
}

/** The entries that are no keys. */
export const PLAIN_ENTRIES: readonly string[] = [
  'lastmodified',
  'mac',
  'mac_only_encrypted',
  'version',
  'shamir_threshold',
  ...RULE_NAMES,
]

/** Versions as blang/semver reads them, which sops checks; those with more to them are left to sops. */
const VERSION = /^v?(?:0|[1-9]\d{0,5})\.(?:0|[1-9]\d{0,5})\.(?:0|[1-9]\d{0,5})$/
const TIME = /^([1-9]\d{3})-(\d\d)-(\d\d)T([01]\d|2[0-3]):[0-5]\d:[0-5]\dZ$/

/** What Go takes for the zero of a text, a number or a boolean. */
function isAbsent(value: JsonValue | undefined): boolean {
  return value === undefined || value === null || value === ''
}

/** What Go takes for an empty list; sops up to 3.9 wrote null for each kind of key that a file had none of. */
function isNone(value: JsonValue | undefined): boolean {
  return value === undefined || value === null || (isList(value) && value.length === 0)
}

function readKey(value: JsonValue): AgeKey | undefined {
  if (!isMap(value) || value.members.length !== 2) return undefined
  const { recipient, enc } = Object.fromEntries(value.members)
  return typeof recipient === 'string' && typeof enc === 'string' ? { recipient, enc } : undefined
}

/** Whether a time is in the form that sops writes, and on a day there is. */
function isPlainTime(text: string): boolean {
  const [, year = '', month = '', day = ''] = TIME.exec(text) ?? []
  if (month < '01' || month > '12' || day < '01') return false
  return Number(day) <= new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate()
}

function readTime(text: JsonValue | undefined): string | Declined {
  if (typeof text !== 'string' || !/^\d{4}-/.test(text)) throw damaged('lastmodified is no time')
  if (text.endsWith('\r')) throw damaged('lines that end otherwise')
  // sops parses it and writes it anew, which for other forms than its own gives another text.
  return isPlainTime(text) ? text : { declines: 'its lastmodified is not in the form sops writes' }
}

function readRule(fields: ReadonlyMap<string, JsonValue>): Rule | Declined {
  const rules: Rule[] = []
  for (const name of RULE_NAMES) {
    const text = fields.get(name)
    if (isAbsent(text)) continue
    if (typeof text !== 'string') return { declines: `its ${name} is no text` }
    rules.push({ name, text })
  }
  if (rules.length > 1) throw damaged('more than one rule about what is encrypted')
  return rules[0] ?? { name: 'unencrypted_suffix', text: DEFAULT_SUFFIX }
}

function readFlag(value: JsonValue | undefined): boolean | Declined {
  if (isAbsent(value) || value === false || value === 'false') return false
  if (value === true || value === 'true') return true
  return { declines: 'its mac_only_encrypted is neither true nor false' }
}

/** The kinds of keys that a file has beside age, from the names of its entries. */
function readOtherKeys(members: JsonMap['members']): readonly KeyType[] | Declined {
  const types: KeyType[] = []
  for (const [name, value] of members) {
    if (isNone(value) && (isKeyType(name) || name === 'key_groups')) continue
    if (name === 'key_groups') return { declines: 'it has key groups' }
    if (isKeyType(name)) {
      if (name !== 'age') types.push(name)
    } else if (!PLAIN_ENTRIES.includes(name)) return { declines: 'its metadata has entries unknown here' }
  }
  return types
}

const isZero = (value: JsonValue | undefined): boolean =>
  isAbsent(value) || value === '0' || (isNumber(value) && value.number === '0')

/** The age keys: a file without one that has another kind is none for this engine. */
function readAgeKeys(age: JsonValue | undefined, [other]: readonly KeyType[]): readonly AgeKey[] | Declined {
  if (isNone(age) && other !== undefined) return { declines: `it has ${KEY_TYPE_TITLES[other]}` }
  if (isNone(age)) throw damaged('no keys')
  if (!isList(age)) return { declines: 'its age keys are no list' }
  const keys = age.map(readKey).filter((key) => key !== undefined)
  return keys.length === age.length ? keys : { declines: 'its age keys have entries unknown here' }
}

/** Reads metadata; tells what this engine declines. Throws SopsFault for what sops refuses as well. */
export function readMetadata({ members }: JsonMap): Metadata | Declined {
  const fields = new Map(members)
  if (fields.size !== members.length) return { declines: 'its metadata has an entry twice' }
  const otherKeys = readOtherKeys(members)
  if ('declines' in otherKeys) return otherKeys
  if (!isZero(fields.get('shamir_threshold'))) return { declines: 'it has a Shamir threshold' }
  const keys = readAgeKeys(fields.get('age'), otherKeys)
  if ('declines' in keys) return keys

  const lastModified = readTime(fields.get('lastmodified'))
  const version = fields.get('version')
  if (typeof version !== 'string' || !VERSION.test(version)) return { declines: 'its version is unusual' }
  const mac = fields.get('mac')
  if (typeof mac !== 'string' || mac === '') throw damaged('no MAC')
  if (typeof lastModified !== 'string') return lastModified
  const macOnlyEncrypted = readFlag(fields.get('mac_only_encrypted'))
  if (typeof macOnlyEncrypted !== 'boolean') return macOnlyEncrypted
  const rule = readRule(fields)
  return 'declines' in rule ? rule : { keys, otherKeys, lastModified, mac, macOnlyEncrypted, rule }
}
