/** The env files as compose meets them: plaintext, which it reads by itself, or encrypted. */
import { existsSync } from 'node:fs'
import { parseDotenv } from '../../load/dotenv.ts'
import { detectFormat } from '../../load/format.ts'
import { read, readRegular } from '../../load/read.ts'
import type { Source } from '../../nouns.ts'
import type { HostContext } from '../context.ts'
import type { Project } from '../project.ts'
import { visibleNames } from '../store/inventory.ts'

/** Whether `.env` is there and holds plaintext, so that compose reads it as it would without us. */
export function hasPlainEnv(path: string): boolean {
  let bytes: Buffer
  try {
    bytes = readRegular(path)
  } catch {
    return false
  }
  return detectFormat(bytes) === undefined && !bytes.includes('ENC[AES256_GCM')
}

/** The names and values of a plaintext `.env`; none where there is none. compose's own reading is what counts. */
export async function plainValues({ project }: HostContext): Promise<Map<string, string>> {
  if (!hasPlainEnv(project.plainEnvFile)) return new Map()
  return new Map(await parseDotenv(readRegular(project.plainEnvFile).toString()))
}

/** The encrypted env file: `.env.enc`, or where there is none a `.env` that sops has encrypted in place. */
export function encryptedEnvFile({ envFile, plainEnvFile }: Project): Source | undefined {
  const path = [envFile, plainEnvFile].find((one) => existsSync(one))
  if (path === undefined || (path === plainEnvFile && hasPlainEnv(path))) return undefined
  return { role: 'env-file', path, plaintextAllowed: false }
}

/** The names that the encrypted env file has: empty where there is none, undefined where only its key tells. */
export async function encryptedNames({ project }: HostContext): Promise<ReadonlySet<string> | undefined> {
  const source = encryptedEnvFile(project)
  return source === undefined ? new Set() : visibleNames(read(source))
}
