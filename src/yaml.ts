/** YAML, as a stranger may write it, read in time that goes with its text. */
import type { Document, YAMLMap } from 'yaml'
import { failure } from './errors.ts'

/** Bytes: no environment holds as much, nor does any compose file. */
const MOST_BYTES = 4 * 2 ** 20
/** Maps and lists in each other: sops writes three, and compose files have about ten. */
const MOST_LEVELS = 100
/** More values than any rules or compose file has, and few enough to be copied. */
const MOST_VALUES = 2 ** 19
/** The `yaml` package looks for the anchor of each alias from the beginning of the text. */
const MOST_STEPS = 2 ** 27

type Yaml = typeof import('yaml')

/** What stands in a document, counted before anything is made of it. */
class Measure {
  /** Nodes as they are written. */
  values = 0
  aliases = 0
  doubledKeys = false
  /** `<<` with something else than maps: no YAML to sops and compose, and an Error out of the package's toJS. */
  badMerge = false
  readonly #yaml: Yaml
  readonly #anchors = new Map<string, unknown>()
  readonly #weights = new Map<unknown, number>()

  constructor(yaml: Yaml) {
    this.#yaml = yaml
  }

  /** How many nodes this one stands for; an alias inside of what it stands for is endless. */
  weigh(node: unknown): number {
    const { isAlias, isCollection, isMap, isPair, isScalar } = this.#yaml
    if (isPair(node)) {
      // To be made a name it is written out, once more at each level above it.
      if (isCollection(node.key) || isAlias(node.key)) return Number.POSITIVE_INFINITY
      return this.weigh(node.key) + this.weigh(node.value)
    }
    this.values++
    if (isAlias(node)) {
      this.aliases++
      return this.#weights.get(this.#anchors.get(node.source)) ?? Number.POSITIVE_INFINITY
    }
    if ((isCollection(node) || isScalar(node)) && node.anchor !== undefined)
      this.#anchors.set(node.anchor, node)
    let weight = 1
    if (isCollection(node)) for (const item of node.items) weight += this.weigh(item)
    if (isMap(node)) this.#lookAt(node)
    this.#weights.set(node, weight)
    return weight
  }

  /** Looks for a key twice and for what can't be merged. */
  #lookAt(map: YAMLMap): void {
    const { isScalar } = this.#yaml
    const isMerge = (key: unknown) =>
      isScalar(key) &&
      // The tag !!merge has made it a symbol, in any writing; one that another tag made a text is merged all the same.
      (typeof key.value === 'symbol' || (key.value === '<<' && key.type === 'PLAIN'))
    const keys = map.items.flatMap(({ key }) => (isScalar(key) && !isMerge(key) ? [key.value] : []))
    if (new Set(keys).size < keys.length) this.doubledKeys = true
    if (map.items.some(({ key, value }) => isMerge(key) && !this.#mergeable(value))) this.badMerge = true
  }

  #resolved(node: unknown): unknown {
    return this.#yaml.isAlias(node) ? this.#anchors.get(node.source) : node
  }

  /** Whether `<<` takes it: a map, or a list of maps. */
  #mergeable(value: unknown): boolean {
    const { isMap, isSeq } = this.#yaml
    const source = this.#resolved(value)
    return isMap(source) || (isSeq(source) && source.items.every((item) => isMap(this.#resolved(item))))
  }
}

/** How a text is read: whether `<<` merges, and whether there is a document in a text that has none. */
interface Reading {
  readonly merge: boolean
  readonly always?: boolean
}

/**
 * Returns the documents of a text, each with what is wrong with it. The `yaml` package goes down by calls, which end the
 * process where they are too many, and takes the square of the levels: they are counted before it does.
 *
 * Throws yaml-limit for a text that is too large or too deep.
 */
export async function readDocuments(
  path: string,
  text: string,
  { merge, always = false }: Reading,
): Promise<Document[]> {
  if (text.length > MOST_BYTES)
    throw failure('yaml-limit', { path, what: `of more than ${MOST_BYTES / 2 ** 20} MiB` })
  const { Composer, Lexer, Parser } = await import('yaml')
  const parser = new Parser()
  function* tokens() {
    for (const lexeme of new Lexer().lex(text)) {
      yield* parser.next(lexeme)
      if (parser.stack.length > MOST_LEVELS)
        throw failure('yaml-limit', { path, what: `of more than ${MOST_LEVELS} levels` })
    }
    yield* parser.end()
  }
  // It compares each key of a map with all others, and copies the line for each error that it is to show.
  const options = { merge, uniqueKeys: false, prettyErrors: false, logLevel: 'silent' } as const
  return [...new Composer(options).compose(tokens(), always, text.length)]
}

/**
 * Returns the one document of a text; undefined for what is no YAML or several. Throws yaml-limit, as readDocuments does.
 */
export async function readDocument(
  path: string,
  text: string,
  merge: boolean,
): Promise<Document | undefined> {
  const [document, ...more] = await readDocuments(path, text, { merge, always: true })
  return more.length > 0 || document === undefined || document.errors.length > 0 ? undefined : document
}

/**
 * Parses the one document of a text. Returns undefined for what is no YAML, merges what is no map, has a key twice, or
 * aliases that make more of it than anyone means it to hold or would take ages to follow. Throws yaml-limit, as
 * readDocuments does.
 */
export async function parseYaml(path: string, text: string): Promise<Document | undefined> {
  const document = await readDocument(path, text, true)
  if (document === undefined) return undefined
  const measure = new Measure(await import('yaml'))
  if (measure.weigh(document.contents) > MOST_VALUES || measure.doubledKeys || measure.badMerge)
    return undefined
  return measure.aliases * measure.values > MOST_STEPS ? undefined : document
}
