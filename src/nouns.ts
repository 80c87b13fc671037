/** The types that several rooms speak of: sources, documents, and what becomes of them. */

export interface EnvFile {
  readonly role: 'env-file'
  readonly path: string
  /** Only the file that is called `.env` may hold plaintext; every other one must be encrypted. */
  readonly plaintextAllowed: boolean
}

export interface SecretFile {
  readonly role: 'secret'
  readonly path: string
  readonly name: string
}

/** A file that values come from. */
export type Source = EnvFile | SecretFile

export type SopsFormat = 'sops-dotenv' | 'sops-json' | 'sops-yaml' | 'sops-ini' | 'sops-binary'

/** What a file's content is. */
export type Format = SopsFormat | 'age' | 'plaintext'

/** A source that has been read. */
export interface Document {
  readonly source: Source
  readonly bytes: Buffer
  readonly format: Format
}

/** One line of a SOPS dotenv file, opened: authenticated by itself, and so read by itself. `line` counts from 1. */
export type DotenvItem =
  | { readonly kind: 'comment'; readonly line: number; readonly bytes: Buffer }
  /** `bytes` has no line feed: sops writes `\n` for one. `name` is as it stands, `export` and blanks included. */
  | { readonly kind: 'value'; readonly line: number; readonly name: Buffer; readonly bytes: Buffer }

/** What an engine makes of a document. A name may occur twice in items and in values, as in the file. */
export type Plaintext =
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  | {
      readonly kind: 'items'
      readonly items: readonly DotenvItem[]
      readonly covers: Covers
      readonly unproved?: readonly string[]
    }
  | {
      readonly kind: 'values'
      readonly values: ReadonlyArray<readonly [name: string, value: string]>
      readonly covers: Covers
      /** Names whose values stand in the clear where the MAC covers only what is encrypted. */
      readonly unproved?: readonly string[]
    }

/** What the MAC of a file covers: all values, or the encrypted ones alone; never what is empty. */
export type Covers = 'all' | 'encrypted'

export type OpenedBy = 'builtin' | 'sops'

/**
 * Opens a document, by the engine that can, or throws. Nothing of a file is given out before all of it has proved
 * whole.
 */
export type Open = (document: Document) => Promise<Opened>

export interface Opened {
  readonly plaintext: Plaintext
  readonly by: OpenedBy
  /** The kinds of master keys that may have opened it, where sops chose among them. */
  readonly keyTypes?: readonly KeyType[]
}

/** What --engine takes. */
export const ENGINES = ['auto', 'builtin', 'sops'] as const
export type EngineName = (typeof ENGINES)[number]

/** The kinds of master keys, as sops' metadata names them (stores/stores.go, metadata). */
export const KEY_TYPES = ['age', 'pgp', 'kms', 'gcp_kms', 'azure_kv', 'hckms', 'hc_vault'] as const
export type KeyType = (typeof KEY_TYPES)[number]

/** The kinds that are used without a word on it: those that open no connection. */
export const USUAL_KEY_TYPES: ReadonlySet<KeyType> = new Set<KeyType>(['age', 'pgp'])

export const EVERY_KEY_TYPE: ReadonlySet<KeyType> = new Set(KEY_TYPES)

/** These hold a key, name one, or say how to get one; the command has no use for them. */
export const KEY_VARIABLES = [
  'SOPS_AGE_KEY',
  'SOPS_AGE_KEY_FILE',
  'SOPS_AGE_KEY_CMD',
  'SOPS_AGE_SSH_PRIVATE_KEY_FILE',
  'SOPS_AGE_SSH_PRIVATE_KEY_CMD',
] as const
