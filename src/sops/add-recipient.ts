/**
 * One more key for a file, and no other change to it. The data key, wrapped for that key, is appended to those that are
 * there, as `sops updatekeys` does, and every other byte of the file stays.
 */
import type { SopsFormat } from '../nouns.ts'
import { readDocument } from '../yaml.ts'
import { SopsFault } from './fault.ts'
import type { AgeKey } from './metadata.ts'

function declined(what: string): SopsFault {
  return new SopsFault('declined', what)
}

/** The position behind the string that begins here. */
function endOfText(text: string, start: number): number {
  let at = start + 1
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at + 1
}

/** The position behind the map or list that begins here. */
function endOfNested(text: string, start: number): number {
  let depth = 0
  for (let at = start; at < text.length; at++) {
    const mark = text[at] ?? ''
    if (mark === '"') at = endOfText(text, at) - 1
    else if ('{['.includes(mark)) depth++
    else if ('}]'.includes(mark)) depth--
    if (depth === 0) return at + 1
  }
  return text.length
}

/** The position behind the JSON value that begins here; the text is known to be JSON. */
function endOfJson(text: string, start: number): number {
  const mark = text[start] ?? ''
  if (mark === '"') return endOfText(text, start)
  if ('{['.includes(mark)) return endOfNested(text, start)
  let at = start
  while (at < text.length && !',]} \n\r\t'.includes(text[at] ?? '')) at++
  return at
}

function skipBlanks(text: string, at: number): number {
  let next = at
  while (' \n\r\t'.includes(text[next] ?? 'x')) next++
  return next
}

/** The position of the value of a member of the object that begins here; the last of its name, as Go takes it. */
function memberOf(text: string, start: number, name: string): number | undefined {
  let found: number | undefined
  if (text[start] !== '{') return undefined
  for (let at = skipBlanks(text, start + 1); text[at] === '"'; ) {
    const end = endOfJson(text, at)
    const key: unknown = JSON.parse(text.slice(at, end))
    const value = skipBlanks(text, skipBlanks(text, end) + 1)
    if (key === name) found = value
    at = skipBlanks(text, endOfJson(text, value))
    if (text[at] === ',') at = skipBlanks(text, at + 1)
  }
  return found
}

function intoJson(text: string, key: AgeKey): string {
  JSON.parse(text)
  const sops = memberOf(text, skipBlanks(text, 0), 'sops')
  const list = sops === undefined ? undefined : memberOf(text, sops, 'age')
  if (list === undefined || text[list] !== '[') throw declined('it has no list of age keys')
  let last: number | undefined
  for (let at = skipBlanks(text, list + 1); text[at] === '{'; ) {
    last = at
    at = skipBlanks(text, endOfJson(text, at))
    if (text[at] === ',') at = skipBlanks(text, at + 1)
  }
  if (last === undefined) throw declined('it has no list of age keys')
  // As the one before it stands there: on a line of its own, as deep, or all in one line.
  const indent = text.slice(text.lastIndexOf('\n', last) + 1, last)
  const pretty = indent.trim() === ''
  const unit = indent.startsWith(' ') ? indent.slice(0, Math.max(1, Math.floor(indent.length / 3))) : '\t'
  const entry = JSON.stringify(
    { enc: key.enc, recipient: key.recipient },
    undefined,
    pretty ? unit : undefined,
  )
  const end = endOfJson(text, last)
  const added = pretty ? `,\n${indent}${entry.replaceAll('\n', `\n${indent}`)}` : `,${entry}`
  return text.slice(0, end) + added + text.slice(end)
}

/** The number of the next entry, and the position behind the last line of the age keys. */
function behindAgeLines(
  text: string,
  isAgeLine: (line: string) => boolean,
): { next: number; at: number } | undefined {
  let at: number | undefined
  let next = 0
  let start = 0
  for (const line of text.split('\n')) {
    const end = start + line.length
    if (isAgeLine(line)) {
      at = end
      const number = Number.parseInt(line.slice(line.indexOf('age__list_') + 'age__list_'.length), 10)
      next = Math.max(next, number + 1)
    }
    start = end + 1
  }
  return at === undefined || Number.isNaN(next) ? undefined : { next, at }
}

function intoLines(text: string, key: AgeKey, prefix: string, equals: string): string {
  const behind = behindAgeLines(text, (line) => line.startsWith(`${prefix}age__list_`))
  if (behind === undefined) throw declined('it has no lines of age keys')
  const name = `${prefix}age__list_${behind.next}__map_`
  const enc = key.enc.replaceAll('\n', '\\n')
  const end = text[behind.at - 1] === '\r' ? '\r\n' : '\n'
  const added = `${end}${name}enc${equals}${enc}${end}${name}recipient${equals}${key.recipient}`
  const at = end === '\r\n' ? behind.at - 1 : behind.at
  return text.slice(0, at) + added + text.slice(at)
}

async function intoYaml(text: string, key: AgeKey): Promise<string> {
  const { isMap, isSeq } = await import('yaml')
  const document = await readDocument('the file', text, false)
  const list: unknown = document?.getIn(['sops', 'age'], true)
  const last: unknown = isSeq(list) ? list.items.at(-1) : undefined
  if (!isSeq(list) || list.flow === true || !isMap(last) || last.flow === true || !last.range || !list.range)
    throw declined('its age keys are not written as sops writes them')
  const lineStart = text.lastIndexOf('\n', last.range[0] - 1) + 1
  const dash = text.indexOf('-', lineStart)
  const indent = text.slice(lineStart, dash)
  if (indent.trim() !== '' || dash > last.range[0])
    throw declined('its age keys are not written as sops writes them')
  const inner = ' '.repeat(last.range[0] - lineStart)
  const enc = key.enc.trimEnd().split('\n')
  const lines = [
    `${indent}-${inner.slice(indent.length + 1)}enc: |`,
    ...enc.map((line) => `${inner}  ${line}`),
    `${inner}recipient: ${key.recipient}`,
  ]
  // Behind the last line that the entry has, with its line end.
  const value = text.slice(0, last.range[1]).trimEnd()
  const lineEnd = text.indexOf('\n', value.length)
  const at = lineEnd < 0 ? text.length : lineEnd + 1
  const before = lineEnd < 0 ? `${text}\n` : text.slice(0, at)
  return `${before}${lines.join('\n')}\n${text.slice(at)}`
}

/**
 * The file with one more copy of its data key. Throws SopsFault,
 * declined, where the file has no age keys yet or they are not written in a way that we add to.
 */
export async function appendAgeKey(bytes: Buffer, format: SopsFormat, key: AgeKey): Promise<Buffer> {
  // Latin-1 takes every byte as it is.
  const text = bytes.toString('latin1')
  switch (format) {
    case 'sops-dotenv':
      return Buffer.from(intoLines(text, key, 'sops_', '='), 'latin1')
    case 'sops-ini':
      return Buffer.from(intoLines(text, key, '', ' = '), 'latin1')
    case 'sops-yaml':
      return Buffer.from(await intoYaml(text, key), 'latin1')
    default:
      return Buffer.from(intoJson(text, key), 'latin1')
  }
}
