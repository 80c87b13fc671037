/** The encrypted files of a project, and what each says of itself to somebody without a key. */
import { existsSync, readdirSync } from 'node:fs'
import { errnoOf } from '../../errors.ts'
import { parseDotenv } from '../../load/dotenv.ts'
import { detectFormat } from '../../load/format.ts'
import { readWhole } from '../../load/read.ts'
import type { Document, Format, SecretFile, Source } from '../../nouns.ts'
import { type Outside, readClear, readOutside } from '../../sops/outside.ts'
import { readYamlTree } from '../../sops/outside-yaml.ts'
import { failure } from '../errors.ts'
import type { Project } from '../project.ts'

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
      ? failure('secrets-dir-irregular', { path: project.secretsDir })
      : failure('source-unreadable', { path: project.secretsDir, reason: errno })
  }
}

/** `.env.enc` if there is one, then the secret files. */
export function inventory(project: Project): Source[] {
  const secrets = secretNames(project).map((name) => secretSource(project, name))
  return existsSync(project.envFile) ? [envSource(project), ...secrets] : secrets
}

/** What the bytes of a file say without a key (sops/outside.ts), by their format if that is known. */
export function readOutsideOf(
  bytes: Buffer,
  format: Format | undefined = detectFormat(bytes, { plaintextAllowed: false }),
): Promise<Outside> {
  return readOutside(bytes, format, readYamlTree)
}

/** What stands in the clear in the bytes of a file (sops/outside.ts). */
export function readClearOf(bytes: Buffer): Promise<Map<string, string>> {
  return readClear(bytes, detectFormat(bytes, { plaintextAllowed: false }), readYamlTree)
}

/** What a file says of itself without a key. Throws source-unreadable and the like. */
export async function outsideOf({ path }: Source): Promise<Outside> {
  return readOutsideOf(readWhole(path))
}

/** The names in a document; undefined when only its key tells, or when it is damaged. */
export async function visibleNames({ source, bytes, format }: Document): Promise<Set<string> | undefined> {
  if (source.role === 'secret') return new Set([source.name])
  if (format === 'plaintext') return new Set((await parseDotenv(bytes.toString())).map(([name]) => name))
  const { names, whole } = await readOutside(bytes, format, readYamlTree)
  return whole && format !== 'age' && format !== 'sops-binary' ? new Set(names) : undefined
}
