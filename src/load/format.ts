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
 * The format of encrypted content, or undefined: not encrypted, or not whole (cut off before the metadata that
 * SOPS writes at the end).
 */
export function detectFormat(bytes: Buffer): Exclude<Format, 'plaintext'> | undefined {
  const start = bytes.toString('latin1', 0, 64).trimStart()
  if (start.startsWith(AGE_VERSION_LINE) || start.startsWith(AGE_ARMOR_BEGIN)) return 'age'
  const text = bytes.toString()
  if (start.startsWith('{')) return detectJson(text)
  if (/^sops_(?:mac|version|lastmodified)=/m.test(text)) return 'sops-dotenv'
  if (/^\[sops\]\s*$/m.test(text)) return 'sops-ini'
  if (/^(?:sops|"sops"):/m.test(text)) return 'sops-yaml'
  return undefined
}
