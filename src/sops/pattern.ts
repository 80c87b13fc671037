/**
 * Go's regular expressions, by a port of its own matcher. That takes time in proportion to the text, whatever pattern a
 * file brings (https://github.com/google/re2/wiki/Syntax).
 */

/** Tells whether a text matches somewhere, as Go's regexp.Match does. */
export type Matches = (subject: string) => boolean

/** What may differ where text is not ASCII: folding and classes of Unicode come from tables of different versions. */
const OF_UNICODE = /\(\?[a-zA-Z]*i|\\[pP]/

/** Whether text and pattern are such that Go and our matcher surely agree. */
export function agreesWithGo(pattern: string, subjects: readonly string[]): boolean {
  if (!OF_UNICODE.test(pattern)) return true
  const isAscii = (text: string) => !/[^\0-\x7f]/.test(text)
  return isAscii(pattern) && subjects.every(isAscii)
}

/** What a pattern matches; undefined when it is none, or one that our matcher does not know. */
export type Compile = (pattern: string) => Matches | undefined

/** Loads the matcher: only where there is a pattern, since most files have none. */
export async function loadPatterns(): Promise<Compile> {
  const { RE2JS, RE2JSException } = await import('re2js')
  return (pattern) => {
    try {
      const compiled = RE2JS.compile(pattern)
      return (subject) => compiled.test(subject)
    } catch (error) {
      // A RangeError is a stack that was too small for it.
      if (error instanceof RE2JSException || error instanceof RangeError) return undefined
      throw error
    }
  }
}
