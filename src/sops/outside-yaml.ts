/** SOPS YAML for outside.ts; apart, so that the shim does not carry a YAML parser. */
import { readDocuments } from '../yaml.ts'
import { mapTree, type Tree } from './outside.ts'

/** Takes a YAML file apart, of several documents the values of all. Throws when it is no YAML, or has aliases. */
export async function readYamlTree(text: string): Promise<Tree> {
  const { isScalar, Lexer, visit } = await import('yaml')
  const documents = await readDocuments('the file', text, { merge: true })
  if (documents.length === 0) throw new Error('no document')
  // sops writes none, and what they stand for can be a thousand times as large as the text.
  for (const one of documents)
    visit(one, {
      // A map that is a name would be written out once more at each level above it.
      Pair: (_, { key }) => {
        if (!isScalar(key)) throw new Error('a name that is no text')
      },
      Alias: () => {
        throw new Error('an alias')
      },
    })
  const trees = documents.map((one) => mapTree(one.toJS(), []))
  const comments = [...new Lexer().lex(text)].filter((token) => token.startsWith('#'))
  return {
    values: trees.flatMap(({ values }) => values),
    comments: comments.map((comment) => comment.slice(1)),
    metadata: trees.find(({ metadata }) => metadata.size > 0)?.metadata ?? new Map(),
  }
}
