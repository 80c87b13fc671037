/** The known word that a mistyped one was meant to be. */
import { closest, distance } from 'fastest-levenshtein'

/** Returns the known word that is nearest, if it is near: at most three letters and half the word differ, case apart. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  if (known.length === 0) return undefined
  const lower = word.toLowerCase()
  const byLower = new Map(known.toReversed().map((one) => [one.toLowerCase(), one]))
  const near = closest(lower, [...byLower.keys()])
  return distance(lower, near) <= Math.min(3, Math.floor(word.length / 2)) ? byLower.get(near) : undefined
}
