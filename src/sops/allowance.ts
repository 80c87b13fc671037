/** Which master keys of a file's metadata may be used: those of the kinds that are allowed. */
import { failure } from '../errors.ts'
import type { Covers, KeyType } from '../nouns.ts'
import { isList, isMap, type JsonMap, type JsonValue } from './json.ts'
import { isKeyType, PLAIN_ENTRIES } from './metadata.ts'

/** Whether a Vault may be sent our token: sops' own list (hcvault/keysource.go), or the one that VAULT_ADDR names. */
export function allowsVault(address: string, variables: ReadonlyMap<string, string>): boolean {
  const list = variables.get('SOPS_HC_VAULT_ALLOWLIST') || variables.get('VAULT_ADDR') || 'none'
  if (list === 'all') return true
  const ended = (text: string) => `${text.trim().replace(/\/+$/, '')}/`
  return list !== 'none' && list.split(',').some((one) => ended(address).startsWith(ended(one)))
}

/** Tells what stays of the metadata, and remembers what it saw. */
export class Allowance {
  readonly held = new Set<KeyType>()
  readonly left = new Set<KeyType>()
  readonly vaults: string[] = []
  #covers: Covers = 'all'
  readonly #path: string
  readonly #allowed: ReadonlySet<KeyType>
  readonly #variables: ReadonlyMap<string, string>

  constructor(path: string, allowed: ReadonlySet<KeyType>, variables: ReadonlyMap<string, string>) {
    this.#path = path
    this.#allowed = allowed
    this.#variables = variables
  }

  /** Throws for what this reader can't vouch for. */
  unclear(what: string): never {
    throw failure('key-types-unclear', { path: this.#path, what })
  }

  /** What the MAC covers by the metadata that was seen. */
  get covers(): Covers {
    return this.#covers
  }

  /** Sees an entry that is no key. Whatever sops may take for true (Go's YAML reads a quoted "yes" so) counts as true. */
  plain(name: string, value: JsonValue): void {
    const no = value === null || value === false || value === '' || value === 'false'
    if (name === 'mac_only_encrypted' && !no) this.#covers = 'encrypted'
  }

  /** Whether entries of this kind may stay. */
  allows(type: KeyType): boolean {
    const allowed = this.#allowed.has(type)
    if (!allowed) this.left.add(type)
    return allowed
  }

  allowsVault(address: unknown): boolean {
    if (typeof address !== 'string') return this.unclear('a Vault without an address')
    if (allowsVault(address, this.#variables)) return true
    this.vaults.push(address)
    return false
  }

  #keys(type: KeyType, value: JsonValue): JsonValue | undefined {
    if (value === null || (isList(value) && value.length === 0)) return undefined
    if (!isList(value)) return this.unclear(`${type} that is no list`)
    if (!this.allows(type)) return undefined
    const kept = type === 'hc_vault' ? this.#vaultsIn(value) : value
    if (kept.length === 0) return undefined
    this.held.add(type)
    return kept
  }

  #vaultsIn(entries: readonly JsonValue[]): readonly JsonValue[] {
    return entries.filter((entry) => {
      if (!isMap(entry) || !entry.members.every(([name]) => /^[a-z_]+$/.test(name)))
        return this.unclear('a Vault in another form than sops writes')
      const addresses = entry.members.filter(([name]) => name === 'vault_address')
      return addresses.length === 1
        ? this.allowsVault(addresses[0]?.[1])
        : this.unclear('a Vault without one address')
    })
  }

  #group(value: JsonValue): JsonValue {
    if (!isMap(value)) return this.unclear('a key group that is no map')
    return { members: value.members.flatMap(([name, keys]) => this.#member(name, keys)) }
  }

  #member(name: string, value: JsonValue): Array<[string, JsonValue]> {
    // sops tells names apart without regard to case; other spellings than its own are nobody's honest work.
    if (!isKeyType(name)) return this.unclear('an entry that is unknown here')
    const kept = this.#keys(name, value)
    return kept === undefined ? [] : [[name, kept]]
  }

  /** The metadata as sops may see it. */
  metadata({ members }: JsonMap): JsonMap {
    if (new Set(members.map(([name]) => name)).size !== members.length) this.unclear('an entry twice')
    return {
      members: members.flatMap(([name, value]): Array<[string, JsonValue]> => {
        if (PLAIN_ENTRIES.includes(name)) {
          this.plain(name, value)
          return [[name, value]]
        }
        if (name !== 'key_groups') return this.#member(name, value)
        if (value === null) return []
        return [[name, isList(value) ? value.map((group) => this.#group(group)) : this.unclear('key groups')]]
      }),
    }
  }
}
