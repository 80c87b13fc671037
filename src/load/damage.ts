/** What git or an editor did to a file that nothing reads any more, as far as its bytes tell. */
import { type DisintoError, failure } from '../errors.ts'

function hasLine(bytes: Buffer, start: string): boolean {
  return bytes.indexOf(start) === 0 || bytes.includes(`\n${start}`)
}

/** The error for conflict markers, UTF-16 or changed line ends; undefined where none of them is the matter. */
export function damageOf(path: string, bytes: Buffer): DisintoError | undefined {
  if (hasLine(bytes, '<<<<<<< ') && hasLine(bytes, '>>>>>>> ')) return failure('source-conflict', { path })
  const [first, second] = bytes
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff))
    return failure('source-utf16', { path })
  // In JSON and YAML they do no harm.
  if (hasLine(bytes, 'sops_') && bytes.includes('\r\n')) return failure('source-crlf', { path })
  return undefined
}
