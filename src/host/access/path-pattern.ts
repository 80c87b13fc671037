/** The path_regex of a creation rule, matched as Go matches it and in linear time. */
import { translatePattern } from '../../sops/pattern.ts'

/** Whether a path is one that a pattern means. */
export type Matcher = (path: string) => boolean

/** More repeats than these could keep JavaScript's own matcher busy for long on a path. */
const QUICK_REPEATS = 1

/** JavaScript's own matcher, where the pattern means the same to it and takes no time: RE2's takes 30 ms to load. */
function quickMatcher(pattern: string): Matcher | undefined {
  const repeats = pattern.split(/[*+{]/).length - 1
  return repeats > QUICK_REPEATS ? undefined : translatePattern(pattern)
}

/** A matcher for a pattern; undefined when RE2 does not take it, which means that sops does not either. */
export async function matcherOf(pattern: string): Promise<Matcher | undefined> {
  const quick = quickMatcher(pattern)
  if (quick !== undefined) return quick
  const { RE2JS } = await import('re2js')
  try {
    const compiled = RE2JS.compile(pattern)
    return (path) => compiled.matcher(path).find()
  } catch {
    return undefined
  }
}
