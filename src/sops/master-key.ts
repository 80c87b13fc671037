/**
 * Master keys by name, one text for each, whether a file or a creation rule speaks of them. An age recipient as it is
 * (native, SSH or of a plugin), every other kind behind its name, "pgp:1A2B…", "kms:arn:aws:…".
 */

/** The kinds that SOPS has, by their names in a file's metadata (stores/stores.go). */
export const KEY_KINDS = ['kms', 'gcp_kms', 'hckms', 'azure_kv', 'hc_vault', 'pgp', 'age'] as const
export type KeyKind = (typeof KEY_KINDS)[number]

/** The kind of a named master key. */
export function kindOf(name: string): KeyKind {
  return KEY_KINDS.find((kind) => name.startsWith(`${kind}:`)) ?? 'age'
}

/** The name of a master key of a kind: of an age recipient, a fingerprint, an ARN, an address with its key. */
export function nameKey(kind: KeyKind, text: string): string {
  const trimmed = text.trim()
  if (kind === 'age') return trimmed
  // sops takes the blanks out of fingerprints and ARNs.
  const bare = kind === 'pgp' || kind === 'kms' ? trimmed.replaceAll(' ', '') : trimmed
  return `${kind}:${kind === 'pgp' ? bare.toUpperCase() : bare}`
}

/** The name of a key in Azure: its version is filled in when it is used, so it is no part of who the key is. */
export function nameAzureKey(vaultUrl: string, key: string): string {
  return nameKey('azure_kv', `${vaultUrl.replace(/\/$/, '')}/keys/${key}`)
}

/** The name of a key of Vault's transit engine, as its URI. */
export function nameVaultKey(address: string, enginePath: string, key: string): string {
  return nameKey('hc_vault', `${address.replace(/\/$/, '')}/v1/${enginePath}/keys/${key}`)
}

/** What two names of one key have in common: the comment behind an SSH key is no part of it. */
export function bareKey(name: string): string {
  if (!name.startsWith('ssh-')) return name
  return name.split(' ').slice(0, 2).join(' ')
}

/** Whether the keys include this one. */
export function hasKey(keys: readonly string[], name: string): boolean {
  const bare = bareKey(name)
  return keys.some((key) => bareKey(key) === bare)
}

/** The first keys without the others. */
export function keysWithout(keys: readonly string[], others: readonly string[]): string[] {
  const known = new Set(others.map(bareKey))
  return keys.filter((key) => !known.has(bareKey(key)))
}

/** Each key once, in their order. */
export function uniqueKeys(keys: readonly string[]): string[] {
  const seen = new Map<string, string>()
  for (const key of keys) if (!seen.has(bareKey(key))) seen.set(bareKey(key), key)
  return [...seen.values()]
}

/** Whether both are the same keys, in any order. */
export function areSameKeys(one: readonly string[], other: readonly string[]): boolean {
  return keysWithout(one, other).length === 0 && keysWithout(other, one).length === 0
}
