/** One document of YAML, as a stranger may write it, read in time that goes with its text. */
import type { Document } from 'yaml'

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
    if (isMap(node)) {
      const keys = node.items.flatMap(({ key }) => (isScalar(key) && key.value !== '<<' ? [key.value] : []))
      if (new Set(keys).size < keys.length) this.doubledKeys = true
    }
    this.#weights.set(node, weight)
    return weight
  }
}

/**
 * Parses the one document of a text. Returns undefined for what is no YAML, has a key twice, or aliases that make more of
 * it than anyone means it to hold or would take ages to follow.
 */
export async function parseYaml(text: string): Promise<Document | undefined> {
  const yaml = await import('yaml')
  // The package compares each key of a map with all others.
  const document = yaml.parseDocument(text, { merge: true, uniqueKeys: false, logLevel: 'silent' })
  if (document.errors.length > 0) return undefined
  const measure = new Measure(yaml)
  if (measure.weigh(document.contents) > MOST_VALUES || measure.doubledKeys) return undefined
  return measure.aliases * measure.values > MOST_STEPS ? undefined : document
}
