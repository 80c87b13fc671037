/**
 * SOPS YAML written anew from what was read. No two readers of YAML see the same in every text, and what sops is given
 * must be what was looked at. Comments, which no environment has a use for, are left out; the MAC does not cover them.
 */
import type { Document, Node, Scalar } from 'yaml'
import { failure } from '../errors.ts'
import { readDocument } from '../yaml.ts'
import type { Allowance } from './allowance.ts'
import { isMap, type JsonValue } from './json.ts'
import { jsonText } from './json-text.ts'

type Yaml = typeof import('yaml')

/** Plain scalars that may be something else than a string: numbers, booleans, null, dates. */
const MAYBE_NO_STRING = /^[\w.+:-]*$/

/** The text of a scalar that means the same to every reader. */
function scalarText(node: Scalar): string {
  const source = node.source ?? ''
  if (node.type === 'PLAIN' && MAYBE_NO_STRING.test(source)) return source === '' ? 'null' : source
  // A block or quoted scalar is a string, as is a plain one with other marks in it, "ENC[…]" above all.
  return jsonText(node.type === 'PLAIN' ? source : String(node.value))
}

/** A value of the metadata, in which sops writes strings, numbers and booleans, lists and maps. */
function jsonOf(value: unknown): JsonValue {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value
  if (typeof value === 'number') return { number: String(value) }
  if (Array.isArray(value)) return value.map(jsonOf)
  if (value instanceof Map) {
    return {
      members: [...value].map(([name, member]): [string, JsonValue] => [String(name), jsonOf(member)]),
    }
  }
  return null
}

/** Looks for what could bring in something that stands elsewhere, or is read in more than one way. */
function checkPlain({ isScalar, visit }: Yaml, document: Document, allowance: Allowance): void {
  visit(document, {
    // `<<` does so, too, with those who merge.
    Alias: () => allowance.unclear('an alias'),
    Pair: (_, { key }) => {
      if (!isScalar(key) || typeof key.value !== 'string' || key.value === '<<')
        allowance.unclear('a name that is no text')
    },
    Value: (_, { anchor, tag }) => {
      if (anchor !== undefined || tag !== undefined) allowance.unclear('a tag or an anchor')
    },
  })
}

/**
 * The file as sops may see it. Throws value-type for a value that no environment can hold, key-types-unclear,
 * yaml-limit and source-not-encrypted.
 */
export async function restrictYaml(bytes: Buffer, path: string, allowance: Allowance): Promise<Buffer> {
  const yaml = await import('yaml')
  const { isMap: isYamlMap, isScalar, isSeq } = yaml
  const document = await readDocument(path, bytes.toString(), false)
  const contents: unknown = document?.contents
  if (document === undefined || !isYamlMap<Node, Node>(contents))
    throw failure('source-not-encrypted', { path })
  checkPlain(yaml, document, allowance)
  const members = contents.items.map(
    ({ key, value }) => [isScalar(key) ? String(key.value) : '', value] as const,
  )
  const lines = members.flatMap(([name, value]) => {
    if (name === 'sops') return []
    if (isYamlMap(value) || isSeq(value))
      throw failure('value-type', { path, name, type: isSeq(value) ? 'a list' : 'a map' })
    return `${jsonText(name)}: ${isScalar(value) ? scalarText(value) : 'null'}\n`
  })
  const [found, ...more] = members.filter(([name]) => name === 'sops')
  if (found === undefined) throw failure('source-not-encrypted', { path })
  if (more.length > 0) allowance.unclear('metadata twice')
  const read = jsonOf(found[1]?.toJS(document, { mapAsMap: true }))
  const metadata = isMap(read) ? allowance.metadata(read) : allowance.unclear('metadata that is no map')
  return Buffer.from(`${lines.join('')}"sops": ${jsonText(metadata)}\n`)
}
