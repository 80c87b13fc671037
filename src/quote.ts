/** Names, paths and other text from outside, shown so that it can't forge output. */

/**
 * Returns text in which nothing moves the cursor, ends the line, hides or turns the direction of what follows (Unicode
 * TR 36, 3.1): control characters, also those above ASCII, line and paragraph ends, marks of direction, empty ones.
 */
export function escapeUnseen(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\u200B\u2060\uFEFF]/gu,
    (unseen) => `\\u${unseen.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** Shows a name or path from outside: as it is when plain, else quoted, so that it can't forge output. */
export function quote(text: string): string {
  return /^[\w./@%+,:=~-]+$/.test(text) ? text : escapeUnseen(JSON.stringify(text))
}

/** Shows names with commas between. */
export function list(names: readonly string[]): string {
  return names.map(quote).join(', ')
}
