/** The path_regex of a creation rule, matched as Go matches it and in linear time. */
import { loadPatterns, type Matches } from '../../sops/pattern.ts'

const LETTER = String.raw`(?:[\w/@-]|\\\.|\(\^\|/\)|\(\\\.enc\)\??)*`
/** Patterns like those that we write: plain letters, and one stretch of any or of all but slashes. */
const PLAIN = new RegExp(String.raw`^(\^?${LETTER})(?:(\.|\[\^/\])([*+])(${LETTER}))?(\$?)$`)

/** JavaScript's own matcher, where the pattern surely means the same to it and takes no time: RE2's takes long to load. */
function quickMatcher(pattern: string): Matches | undefined {
  const [all, start = '', any, repeat = '', rest = '', end = ''] = PLAIN.exec(pattern) ?? []
  if (all === undefined) return undefined
  // JavaScript's dot leaves out more than the line feed.
  const stretch = any === undefined ? '' : `${any === '.' ? String.raw`[^\n]` : any}${repeat}`
  const compiled = new RegExp(`${start}${stretch}${rest}${end}`, 'u')
  return (path) => compiled.test(path)
}

/** A matcher for a pattern; undefined when RE2 does not take it, which means that sops does not either. */
export async function matcherOf(pattern: string): Promise<Matches | undefined> {
  return quickMatcher(pattern) ?? (await loadPatterns())(pattern)
}
