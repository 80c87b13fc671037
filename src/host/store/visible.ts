/** Which names a file holds, as far as that can be read without a key. */
import { parseDotenv } from '../../load/dotenv.ts'
import { parseEnvelope } from '../../sops/envelope.ts'
import { SopsFault } from '../../sops/fault.ts'
import type { Document } from '../../nouns.ts'

/** The names in a document; undefined when only its key tells, or when it is damaged. */
export async function visibleNames({ source, bytes, format }: Document): Promise<Set<string> | undefined> {
  if (source.role === 'secret') return new Set([source.name])
  if (format === 'plaintext') return new Set((await parseDotenv(bytes.toString())).map(([name]) => name))
  if (format !== 'sops-dotenv' && format !== 'sops-json') return undefined
  try {
    const envelope = parseEnvelope(bytes, format)
    if ('declines' in envelope) return undefined
    const names = envelope.items.flatMap((item) => (item.kind === 'value' ? [item.name] : []))
    // SOPS keeps dotenv lines as they are: "export NAME" is the name there.
    return new Set(names.map((name) => name.replace(/^\s*(?:export\s+)?/, '').trim()))
  } catch (error) {
    if (error instanceof SopsFault) return undefined
    throw error
  }
}
