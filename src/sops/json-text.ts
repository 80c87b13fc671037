/** Values back to JSON text. */
import { isList, isMap, isNumber, type JsonValue } from './json.ts'

/** One line of JSON, with the marks escaped that YAML takes for line ends, so that it means the same there. */
export function jsonText(value: JsonValue): string {
  if (isList(value)) return `[${value.map(jsonText).join(',')}]`
  if (isMap(value)) {
    return `{${value.members.map(([name, member]) => `${jsonText(name)}:${jsonText(member)}`).join(',')}}`
  }
  if (isNumber(value)) return value.number
  return JSON.stringify(value).replaceAll(
    /[\u007f-\u009f\u2028\u2029\ufeff]/g,
    (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
