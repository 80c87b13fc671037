/** What git compares in place of an encrypted file: names and recipients, never a value. */
import { createHash } from 'node:crypto'
import { detectFormat } from '../../load/format.ts'
import { quote } from '../../quote.ts'
import { type Outside, readOutside } from '../../sops/outside.ts'
import { readYamlTree } from '../../sops/outside-yaml.ts'

/** Marks of values that were opened, by name: alike for values that are alike. */
export type Marks = ReadonlyMap<string, string>

/** Hexadecimal digits of a mark: enough that two that differ show it. */
export const MARK_DIGITS = 8

/** Returns a short mark of a text, which tells nothing of it but whether it changed. */
export function markOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, MARK_DIGITS)
}

/** What stands for a ciphertext; what is in the clear gets no mark, since a short value could be guessed from one. */
function shown(ciphertext: string | undefined): string {
  if (ciphertext === undefined) return 'IN THE CLEAR'
  return ciphertext === '' ? 'empty' : `sealed ${markOf(ciphertext)}`
}

function linesOf(outside: Outside, marks: Marks): string[] {
  const { format, values, comments, groups, recipients, threshold, lastModified, mac, rule } = outside
  const names = values.map(({ name, ciphertext }) => {
    const mark = marks.get(name)
    const label = format === 'sops-binary' ? 'the file' : quote(name)
    return `${label} = <${mark === undefined || ciphertext === undefined ? shown(ciphertext) : `value ${mark}`}>`
  })
  const keys =
    groups.length > 1
      ? [
          ...groups.flatMap((group, at) => group.map((key) => `recipient ${quote(key)} (group ${at + 1})`)),
          `recipients needed: of ${threshold} groups`,
        ]
      : recipients.map((key) => `recipient ${quote(key)}`)
  return [
    `${format ?? ''}, changed ${quote(lastModified ?? 'never')}, MAC ${mac === undefined ? 'missing' : markOf(mac)}`,
    ...names,
    ...comments.map((comment) => `# <${shown(comment)}>`),
    ...keys,
    ...(rule.name === 'unencrypted_suffix' && rule.text === '_unencrypted'
      ? []
      : [`${rule.name} ${quote(rule.text)}`]),
    ...(outside.macOnlyEncrypted ? ['mac_only_encrypted'] : []),
  ]
}

/** Returns the text that git compares for a file, one fact a line. Never throws, and never has a value in it. */
export async function summaryOf(bytes: Buffer, marks: Marks = new Map()): Promise<string> {
  const format = detectFormat(bytes)
  const outside = await readOutside(bytes, format, readYamlTree)
  let lines: string[]
  if (bytes.length === 0) lines = ['empty']
  else if (format === undefined)
    lines = [`NOT ENCRYPTED: ${bytes.length} bytes, none of them shown, ${markOf(bytes.toString('latin1'))}`]
  else if (!outside.whole) lines = [`${format}, damaged: ${markOf(bytes.toString('latin1'))}`]
  else if (format === 'age')
    lines = [
      'an age file, which records neither name nor recipients',
      `the file = <${shown(bytes.toString('latin1'))}>`,
    ]
  else lines = linesOf(outside, marks)
  return lines.map((line) => `${line}\n`).join('')
}
