/** What a file's content is; its name is never asked. */
import type { Format, SopsFormat } from '../nouns.ts'

const AGE_VERSION_LINE = 'age-encryption.org/v1\n'
const AGE_ARMOR_BEGIN = '-----BEGIN AGE ENCRYPTED FILE-----'

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function detectJson(text: string): SopsFormat | undefined {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!isObject(parsed) || !isObject(parsed['sops'])) return undefined
  const names = Object.keys(parsed).filter((name) => name !== 'sops')
  return names.length === 1 && names[0] === 'data' ? 'sops-binary' : 'sops-json'
}

/**
 * The format of encrypted content, or undefined: not encrypted, or not whole (cut off before the metadata that SOPS
 * writes at the end). Without a MAC it is no SOPS file, whatever its variables are called; where nothing but encrypted
 * files may be (`plaintextAllowed: false`), it is one that lost its MAC.
 */
export function detectFormat(
  bytes: Buffer,
  { plaintextAllowed = true } = {},
): Exclude<Format, 'plaintext'> | undefined {
  const start = bytes.toString('latin1', 0, 64).trimStart()
  if (start.startsWith(AGE_VERSION_LINE) || start.startsWith(AGE_ARMOR_BEGIN)) return 'age'
  const text = bytes.toString()
  if (start.startsWith('{')) return detectJson(text)
  const hasLine = (begins: string) => text.startsWith(begins) || text.includes(`\n${begins}`)
  const both = (one: boolean, other: boolean) => (plaintextAllowed ? one && other : one || other)
  if (both(hasLine('sops_version=') || hasLine('sops_lastmodified='), hasLine('sops_mac=')))
    return 'sops-dotenv'
  if (hasLine('[sops]') && (!plaintextAllowed || /\nmac[ \t]*=/.test(text))) return 'sops-ini'
  if ((hasLine('sops:') || hasLine('"sops":')) && (!plaintextAllowed || /\bmac["']?:/.test(text)))
    return 'sops-yaml'
  return undefined
}
