/** The encrypted files of a project, and what each says of itself to somebody without a key. */
import { existsSync, readdirSync } from 'node:fs'
import { errnoOf, failure } from '../../errors.ts'
import { detectFormat } from '../../load/format.ts'
import { readWhole } from '../../load/read.ts'
import type { Project } from '../project.ts'
import type { Format, SecretFile, Source } from '../../nouns.ts'

/** What can be read without a key. */
export interface Description {
  readonly format: Exclude<Format, 'plaintext'> | undefined
  /** Of the secrets in it; age files and binary ones do not tell. */
  readonly names: readonly string[]
  readonly recipients: readonly string[]
  /** Other kinds of keys that it is encrypted with: "kms", "pgp". */
  readonly otherKeys: readonly string[]
  readonly lastModified: string | undefined
}

/** The source of a secret file. */
export function secretSource(project: Project, name: string): SecretFile {
  return { role: 'secret', name, path: project.secretFile(name) }
}

/** The source of `.env.enc`. */
export function envSource(project: Project): Source {
  return { role: 'env-file', path: project.envFile, plaintextAllowed: false }
}

/** The names of the secret files, in byte order. */
export function secretNames(project: Project): string[] {
  try {
    return readdirSync(project.secretsDir)
      .filter((entry) => entry.endsWith('.enc'))
      .map((entry) => entry.slice(0, -'.enc'.length))
      .sort()
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'ENOENT') return []
    throw errno === 'ENOTDIR'
      ? failure('secrets-dir-irregular', project.secretsDir)
      : failure('source-unreadable', project.secretsDir, errno)
  }
}

/** `.env.enc` if there is one, then the secret files. */
export function inventory(project: Project): Source[] {
  const secrets = secretNames(project).map((name) => secretSource(project, name))
  return existsSync(project.envFile) ? [envSource(project), ...secrets] : secrets
}

function fieldsOfJson(bytes: Buffer): Record<string, unknown> {
  const parsed: unknown = JSON.parse(bytes.toString())
  return typeof parsed === 'object' && parsed !== null ? Object.fromEntries(Object.entries(parsed)) : {}
}

const METADATA_KEYS: Readonly<Record<string, string>> = {
  kms: 'kms',
  gcp_kms: 'gcp_kms',
  hckms: 'hckms',
  azure_kv: 'azure_kv',
  hc_vault: 'hc_vault',
  pgp: 'pgp',
  key_groups: 'key_groups',
}

function otherKeysOf(metadata: object): string[] {
  return Object.entries(metadata)
    .filter(([name, value]) => METADATA_KEYS[name] !== undefined && Array.isArray(value) && value.length > 0)
    .map(([name]) => name)
}

function describeLines(text: string): Pick<Description, 'names' | 'otherKeys' | 'lastModified'> {
  const lines = text.split('\n').map((line) => /^([^#;=[]+?)\s*=\s*(.*)$/.exec(line) ?? [])
  const named = lines.map(([, name, value]) => ({ name: name?.trim() ?? '', value: value ?? '' }))
  const metadata = /^(?:sops_)?(lastmodified)$/
  return {
    names: named
      .map(({ name }) => name.replace(/^export\s+/, ''))
      .filter(
        (name) =>
          name !== '' &&
          !/^sops_|__(?:list|map)_|^(?:lastmodified|mac|version|unencrypted_suffix|mac_only_encrypted|shamir_threshold|(?:un)?encrypted_.*)$/.test(
            name,
          ),
      ),
    otherKeys: [
      ...new Set(
        named.flatMap(({ name }) => {
          const [, kind] = /^(?:sops_)?([a-z_]+?)__list_/.exec(name) ?? []
          return kind !== undefined && kind !== 'age' ? [kind] : []
        }),
      ),
    ],
    lastModified: named.find(({ name }) => metadata.test(name))?.value,
  }
}

async function describeTree(
  bytes: Buffer,
  format: Format,
): Promise<Pick<Description, 'names' | 'otherKeys' | 'lastModified'>> {
  let fields: Record<string, unknown>
  if (format === 'sops-yaml') {
    const { parse } = await import('yaml')
    const parsed: unknown = parse(bytes.toString(), { logLevel: 'silent' })
    fields = typeof parsed === 'object' && parsed !== null ? Object.fromEntries(Object.entries(parsed)) : {}
  } else fields = fieldsOfJson(bytes)
  const metadata = typeof fields['sops'] === 'object' && fields['sops'] !== null ? fields['sops'] : {}
  const lastModified: unknown = Object.entries(metadata).find(([name]) => name === 'lastmodified')?.[1]
  return {
    names: format === 'sops-binary' ? [] : Object.keys(fields).filter((name) => name !== 'sops'),
    otherKeys: otherKeysOf(metadata),
    lastModified: typeof lastModified === 'string' ? lastModified : undefined,
  }
}

/** Reads what a file says without a key. A file that is not encrypted has no format and no names. */
export async function describe(source: Source): Promise<Description> {
  const bytes = readWhole(source.path)
  const format = detectFormat(bytes)
  const recipients = [...new Set(bytes.toString('latin1').match(/\bage1[a-z0-9+-]{20,}\b/g) ?? [])]
  const nothing = { names: [], otherKeys: [], lastModified: undefined }
  if (format === undefined) return { format, recipients: [], ...nothing }
  if (format === 'age') return { format, recipients: [], ...nothing }
  try {
    const rest =
      format === 'sops-dotenv' || format === 'sops-ini'
        ? describeLines(bytes.toString())
        : await describeTree(bytes, format)
    return { format, recipients, ...rest }
  } catch {
    return { format, recipients, ...nothing }
  }
}
