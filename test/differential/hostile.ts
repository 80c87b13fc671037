/** Texts that are slow to read for whoever goes back in them, of any size: for the test of hangs and for the bench. */
import type { Reader } from './readers.ts'

export interface Hostile {
  /** A reader of readers.ts. */
  readonly reader: string
  readonly title: string
  /** About so many bytes. */
  make(size: number): Buffer
}

const METADATA = `sops_age__list_0__map_enc=x
sops_age__list_0__map_recipient=age1x
sops_lastmodified=2026-11-25T00:00:00Z
sops_mac=ENC[]
sops_version=3.13.2
`
const JSON_METADATA = `"sops":{"age":[{"recipient":"age1x","enc":"x"}],"lastmodified":"2026-11-25T00:00:00Z","mac":"ENC[]","version":"3.13.2"}`

const fill = (unit: string, size: number) => unit.repeat(Math.max(1, Math.floor(size / unit.length)))

function hostile(reader: string, title: string, make: (size: number) => string): Hostile {
  return { reader, title, make: (size) => Buffer.from(make(size)) }
}

/** Readers by name in `readers`, each with what has been slow for it or for its like. */
export const HOSTILE: readonly Hostile[] = [
  ...['\r', '\n', ' \n', '[sops]\n', 'sops:\n', 'sops_mac=\n', '#', 'A', '\u2028'].map((unit) =>
    hostile('format', `${JSON.stringify(unit)}, again and again`, (size) => fill(unit, size)),
  ),
  hostile('format', 'JSON that ends too early', (size) => `{"a": [${fill('1,\n', size)}`),
  ...[
    '\r',
    '\n',
    "A='",
    "A='\\'",
    'A="x\n',
    'A=\n',
    'export ',
    'export\n',
    'A',
    'A \n',
    '#',
    '${',
    'A=$',
    'A=}',
    'A=${A:-',
    '`',
  ].map((unit) => hostile('dotenv', `${JSON.stringify(unit)}, again and again`, (size) => fill(unit, size))),
  hostile('dotenv', 'a name and blanks', (size) => `a${fill(' ', size)}b`),
  hostile('dotenv', 'one value with braces', (size) => `A=${fill('${A:-', size / 2)}${fill('}', size / 8)}`),
  hostile('dotenv', 'names that refer to the next', (size) =>
    Array.from({ length: size / 16 }, (_, at) => `A${at}=\${A${at + 1}}\n`).join(''),
  ),
  hostile('dotenv', 'a name many times', (size) => fill('A=1\n', size)),
  hostile('dotenv', 'keys without quotes', (size) => fill('A=-----BEGIN X-----\nb\n-----END X-----\n', size)),
  hostile(
    'envelope',
    'a pattern of many stretches',
    (size) => `${fill(`${'a'.repeat(60)}=\n`, size)}${METADATA}sops_encrypted_regex=${'.*'.repeat(12)}Q\n`,
  ),
  hostile(
    'envelope',
    'one long name and a pattern',
    (size) => `${fill('a', size)}=\n${METADATA}sops_encrypted_regex=^(a+)+$\n`,
  ),
  hostile(
    'envelope',
    'many metadata lines',
    (size) => `${fill('sops_age__list_0__map_x=\n', size)}${METADATA}`,
  ),
  hostile(
    'envelope',
    'many names of JSON',
    (size) => `{${Array.from({ length: size / 12 }, (_, at) => `"A${at}":""`).join(',')},${JSON_METADATA}}`,
  ),
  hostile('envelope', 'many numbers of JSON', (size) => `{"A":[${fill('1,', size)}1],${JSON_METADATA}}`),
  hostile('json', 'strings without a backslash', (size) => `[${fill('"a",', size)}"b"]`),
  hostile('json', 'strings with backslashes', (size) => `[${fill('"\\n",', size)}"b"]`),
  hostile('json', 'lists in lists', (size) => fill('[', size)),
  hostile('json', 'one long number', (size) => `[${fill('1', size)}]`),
  hostile('pattern', 'a long pattern', (size) => fill('(a|b)*', size)),
  hostile('age', 'an age file of many stanzas', (size) => `age-encryption.org/v1\n${fill('-> X\n\n', size)}`),
  hostile(
    'armor',
    'armor of short lines',
    (size) => `-----BEGIN AGE ENCRYPTED FILE-----\n${fill('AA\n', size)}`,
  ),
  hostile('identities', 'blanks', (size) => fill(' ', size)),
  hostile('identities', 'line ends', (size) => fill('\n', size)),
  ...['[', '{a: ', '- ', '? ', 'a: ', '!a ', '&a ', "'a' ", 'a: ]\n', '%a\n', '---\n', '#\n'].map((unit) =>
    hostile('yaml', `${JSON.stringify(unit)}, again and again`, (size) => fill(unit, size)),
  ),
  hostile('yaml', 'lists in lists', (size) => `${fill('[', size / 2)}${fill(']', size / 2)}`),
  hostile('yaml', 'maps in maps by indent', (size) =>
    Array.from({ length: Math.sqrt(2 * size) }, (_, at) => `${' '.repeat(at)}a:\n`).join(''),
  ),
  hostile('yaml', 'one long list', (size) => `a: [${fill('0,', size)}]\n`),
  hostile('yaml', 'one long map', (size) => {
    const entries = Array.from({ length: size / 10 }, (_, at) => `a${at}: 0`)
    return `a: {${entries.join(',')}}\n`
  }),
  hostile('yaml', 'anchors', (size) =>
    Array.from({ length: size / 16 }, (_, at) => `a${at}: &a${at} 1\n`).join(''),
  ),
  hostile('yaml', 'aliases of one anchor', (size) => `a: &a 1\nb: [${fill('*a,', size)}]\n`),
  hostile('yaml', 'aliases of aliases', (size) =>
    Array.from({ length: size / 32 }, (_, at) => `a${at + 1}: &a${at + 1} [*a${at}]\n`).join(''),
  ),
  hostile('yaml', 'merges', (size) => `a: &a {x: 1}\n${fill('- {<<: *a}\n', size)}`),
  hostile('compose', 'aliases of one anchor', (size) => `a: &a 1\nb: [${fill('*a,', size)}]\n`),
  hostile('compose', 'references', (size) => `a: [${fill('"${A:-b}",', size)}]\n`),
  hostile('compose', 'ends of lists', (size) => fill('a: ]\n', size)),
  hostile('outside', 'a name and blanks', (size) => `a${fill(' ', size)}b`),
  hostile('outside', 'list marks', (size) => `sops_${fill('__list_', size)}=\n${METADATA}`),
  hostile('outside', 'map marks', (size) => `sops_${fill('__map_x', size)}=\n${METADATA}`),
  hostile('outside', 'recipients without end', (size) => fill('age1a-', size)),
]

/** How long a reading keeps the processor busy, in milliseconds, whatever else the machine does. An answer of the reader's own is an answer. */
export async function timeOf(
  read: Reader,
  bytes: Buffer,
  isAnswer: (error: unknown) => boolean,
): Promise<number> {
  const before = process.cpuUsage()
  try {
    await read(bytes)
  } catch (error) {
    if (!isAnswer(error)) throw error
  }
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}
