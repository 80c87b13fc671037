/** The forms in which a value may show up in output. */

/** Shorter values would blank out half of what a command says. */
export const MIN_CHARACTERS = 8

export interface Pattern {
  readonly bytes: Buffer
  readonly name: string
}

/**
 * What base64 makes of a value inside a longer text, such as `user:VALUE`: its position modulo 3 shifts the bits, and
 * the characters at both ends depend on the neighbours, so they are left out (RFC 4648).
 */
function base64Forms(value: Buffer): string[] {
  return [0, 1, 2].map((before) => {
    const text = Buffer.concat([Buffer.alloc(before), value])
      .toString('base64')
      .replace(/=+$/, '')
    const bits = (before + value.length) * 8
    // A character holds 6 bits; only those wholly made of the value's bits are always the same.
    return text.slice(Math.ceil((before * 8) / 6), Math.floor(bits / 6))
  })
}

/** As JSON.stringify writes it, and with what some writers escape besides: `/`, `<`, `>`, `&`, and beyond ASCII. */
function jsonForms(value: string): string[] {
  const plain = JSON.stringify(value).slice(1, -1)
  const ascii = plain.replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
  const html = plain.replace(/[<>&]/g, (mark) => `\\u00${mark.charCodeAt(0).toString(16)}`)
  return [plain, ascii, html, plain.replaceAll('/', '\\/')]
}

/** As URLs carry it: RFC 3986 as JavaScript writes it, in full, and as HTML forms do. */
function urlForms(value: string): string[] {
  let component: string
  try {
    component = encodeURIComponent(value)
  } catch {
    // Half a surrogate pair, which no URL can carry.
    return []
  }
  const full = component.replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`)
  const form = new URLSearchParams([['', value]]).toString().slice(1)
  return [component, full, form].flatMap((text) => [
    text,
    text.replace(/%[0-9A-F]{2}/g, (hex) => hex.toLowerCase()),
  ])
}

/** All patterns for these names and values: raw, base64, URL and JSON; values under MIN_CHARACTERS have none. */
export function patternsFor(values: Iterable<readonly [name: string, value: string]>): Pattern[] {
  const patterns = new Map<string, Pattern>()
  for (const [name, value] of values) {
    if ([...value].length < MIN_CHARACTERS) continue
    const bytes = Buffer.from(value)
    const base64 = base64Forms(bytes)
    const texts = [
      ...base64,
      ...base64.map((text) => text.replaceAll('+', '-').replaceAll('/', '_')),
      ...jsonForms(value),
      ...urlForms(value),
    ]
    for (const form of [bytes, ...texts.map((text) => Buffer.from(text))]) {
      // Of two names with one value the first is told; a form that is too short would hit by chance.
      const key = form.toString('latin1')
      if (form.length >= MIN_CHARACTERS && !patterns.has(key)) patterns.set(key, { bytes: form, name })
    }
  }
  return [...patterns.values()]
}
