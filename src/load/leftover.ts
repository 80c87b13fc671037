/** `.env` beside `.env.enc`: plaintext left over, as far as both set a name; the rest is compose's own. */
import type { Warning } from '../speak.ts'
import { warning } from '../warnings.ts'
import { parseDotenv } from './dotenv.ts'
import { detectFormat } from './format.ts'
import { readWhole } from './read.ts'

/** The names that both have. A file that nobody can read, or that is encrypted itself, has none to tell. */
async function namesInBoth(path: string, loaded: ReadonlySet<string>): Promise<string[]> {
  let bytes: Buffer
  try {
    bytes = readWhole(path)
  } catch {
    return []
  }
  if (detectFormat(bytes, { plaintextAllowed: true }) !== undefined) return []
  const names = (await parseDotenv(bytes.toString())).map(([name]) => name)
  return names.filter((name) => loaded.has(name))
}

/** Returns the warning about a `.env` that was found beside `.env.enc`, of which these names were loaded. */
export async function leftoverWarnings(path: string, loaded: ReadonlySet<string>): Promise<Warning[]> {
  const names = await namesInBoth(path, loaded)
  return names.length === 0 ? [] : [warning('plaintext-left', { path, names })]
}
