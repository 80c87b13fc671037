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

/** What an engine makes of a document: bytes (dotenv text, a binary file), or names with exact values. */
export type Plaintext =
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  | { readonly kind: 'values'; readonly values: ReadonlyArray<readonly [name: string, value: string]> }

export type OpenedBy = 'builtin' | 'sops'

/**
 * Opens a document, by the engine that can, or throws. Nothing of a file is given out before all of it has proved
 * whole.
 */
export type Open = (document: Document) => Promise<{ readonly plaintext: Plaintext; readonly by: OpenedBy }>

/** What --engine takes. */
export const ENGINES = ['auto', 'builtin', 'sops'] as const
export type EngineName = (typeof ENGINES)[number]
