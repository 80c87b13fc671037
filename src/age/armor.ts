/** The ASCII armor of age files: strict PEM (c2sp.org/age, "ASCII armor"; RFC 7468, "strict"). */
import { AgeFault } from './fault.ts'

const BEGIN = '-----BEGIN AGE ENCRYPTED FILE-----'
const END = '-----END AGE ENCRYPTED FILE-----'
const COLUMNS = 64
/** The reference implementation gives up on more blanks than this, before and after. */
const MAX_BLANKS = 1024

function blank(text: string): boolean {
  return /^[\t\n\v\f\r ]*$/.test(text)
}

/** Whether content is armored, as age and sops tell it: by its first line that is not blank. */
export function isArmored(bytes: Uint8Array): boolean {
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, MAX_BLANKS + BEGIN.length))
  return start.toString('latin1').trimStart().startsWith('-----BEGIN')
}

/** The binary file inside the armor. */
export function dearmor(text: string): Buffer {
  const begin = text.indexOf(BEGIN)
  if (begin < 0 || begin > MAX_BLANKS || !blank(text.slice(0, begin))) {
    throw new AgeFault('armor', 'no armor')
  }
  if (begin > 0 && text[begin - 1] !== '\n') throw new AgeFault('armor', 'blanks before the first line')
  const end = text.indexOf(END, begin)
  if (end < 0) throw new AgeFault('armor', 'no last line')
  const trailing = text.slice(end + END.length)
  if (!/^(?:\r?\n|$)/.test(trailing) || trailing.length > MAX_BLANKS || !blank(trailing)) {
    throw new AgeFault('armor', 'data after the last line')
  }
  const lines = text.slice(begin + BEGIN.length, end).split('\n')
  // Between the two marks: the end of the first line, the lines, and nothing before the last mark.
  if ((lines[0] !== '' && lines[0] !== '\r') || lines.length < 2 || lines.pop() !== '') {
    throw new AgeFault('armor', 'marks that are not lines of their own')
  }
  const columns = lines.slice(1).map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line))
  columns.forEach((line, at) => {
    const last = at === columns.length - 1
    if (line.length > COLUMNS || line.length === 0 || (!last && line.length < COLUMNS)) {
      throw new AgeFault('armor', 'a line of the wrong length')
    }
  })
  const joined = columns.join('')
  const bytes = Buffer.from(joined, 'base64')
  // Only canonical base64 comes out as it went in.
  if (bytes.toString('base64') !== joined) throw new AgeFault('armor', 'not base64')
  return bytes
}

/** The armor around a binary file, as age writes it. */
export function armor(bytes: Buffer): string {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? []
  return `${[BEGIN, ...lines, END].join('\n')}\n`
}
