/** The environment and words that the shim was started with, in their order. Tells whether Node could read them. */
import { isUtf8 } from 'node:buffer'
import { readFileSync } from 'node:fs'
import { failure } from '../errors.ts'

function readProc(file: 'environ' | 'cmdline'): Buffer[] | undefined {
  let bytes: Buffer
  try {
    bytes = readFileSync(`/proc/self/${file}`)
  } catch {
    // No /proc: macOS, or a container that hides it.
    return undefined
  }
  const parts: Buffer[] = []
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(0, start)
    const stop = end === -1 ? bytes.length : end
    parts.push(bytes.subarray(start, stop))
    start = stop + 1
  }
  return parts
}

const REPLACEMENT = '\uFFFD'

function asNodeReadIt(environment: NodeJS.ProcessEnv): Map<string, string> {
  const inherited = new Map<string, string>()
  for (const name of Object.keys(environment)) {
    const value = environment[name] ?? ''
    if (name.includes(REPLACEMENT) || value.includes(REPLACEMENT))
      throw failure('inherited-not-utf8', { what: name })
    inherited.set(name, value)
  }
  return inherited
}

/**
 * The environment in its original order (`process.env` lists integer-like names first). Node replaces bytes that
 * are not UTF-8, so they are an error, never silent damage. Without /proc, a replacement character is taken for
 * such damage.
 */
export function inheritedEnvironment(environment: NodeJS.ProcessEnv): Map<string, string> {
  const strings = readProc('environ')
  if (strings === undefined) return asNodeReadIt(environment)
  const inherited = new Map<string, string>()
  for (const string of strings) {
    const equals = string.indexOf('=', 1)
    if (!isUtf8(string)) {
      const name = string.subarray(0, equals === -1 ? 0 : equals)
      throw failure('inherited-not-utf8', {
        what: name.length > 0 && isUtf8(name) ? name.toString() : 'a variable',
      })
    }
    if (equals === -1) continue
    const name = string.toString('utf8', 0, equals)
    // As getenv(3) reads it, the first of two wins.
    if (!inherited.has(name)) inherited.set(name, string.toString('utf8', equals + 1))
  }
  return inherited
}

/** Throws when an argument holds bytes that Node could not read. */
export function checkArguments(): void {
  if (readProc('cmdline')?.every((word) => isUtf8(word)) === false)
    throw failure('inherited-not-utf8', { what: 'an argument' })
}
