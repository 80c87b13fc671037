/** The names whose values stand in the clear in what sops is given; what is empty is never encrypted. */
import { splitLines } from './dotenv-lines.ts'
import { isMap, type JsonValue, parseJson } from './json.ts'
import type { Restricted } from './restrict.ts'

const BEGINS = 'ENC[AES256_GCM,'

/** Whether a value of the tree can be read as it stands. */
export function isClear(value: JsonValue): boolean {
  return value !== '' && value !== null && !(typeof value === 'string' && value.startsWith(BEGINS))
}

/** A line of the YAML that is written for sops: a name and a scalar. */
const YAML_LINE = /^("(?:[^"\\]|\\.)*"): (.*)$/

function inYaml(text: string): string[] {
  return text.split('\n').flatMap((line) => {
    const [, name, value = ''] = YAML_LINE.exec(line) ?? []
    const isValue = name !== undefined && name !== '"sops"' && value !== '""' && value !== 'null'
    return isValue && !value.startsWith(`"${BEGINS}`) ? [String(JSON.parse(name))] : []
  })
}

/** Returns the names, as they stand. */
export function clearNames({ bytes, type }: Pick<Restricted, 'bytes' | 'type'>): string[] {
  if (type === 'yaml') return inYaml(bytes.toString())
  if (type === 'dotenv')
    return splitLines(bytes.toString()).flatMap((line) =>
      line.kind === 'value' && isClear(line.text) ? [line.name] : [],
    )
  const root = parseJson(bytes.toString())
  const members = isMap(root) ? root.members.filter(([name]) => name !== 'sops') : []
  // INI is handed over with a map for each section.
  const values = members.flatMap(([name, value]) => (isMap(value) ? value.members : [[name, value] as const]))
  return values.flatMap(([name, value]) => (isClear(value) ? [name] : []))
}
