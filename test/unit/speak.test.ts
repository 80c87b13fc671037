import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { visibleLines } from '../../src/speak.ts'

const SPEAK = fileURLToPath(new URL('../../src/speak.ts', import.meta.url))
const stripsTypes = Number(process.versions.node.split('.')[0]) >= 22

/** What a speaker writes to descriptor 2. */
function said(words: string, log = '', debug = ''): string {
  const script = `
    import { speaker } from '${SPEAK}'
    import { asDisintoError, failure } from '${SPEAK.replace('speak', 'errors')}'
    const speak = speaker('${log}', '${debug}')
    ${words}
  `
  const child = ['--experimental-strip-types', '--no-warnings', '--input-type=module', '--eval', script]
  return spawnSync(process.execPath, child, { encoding: 'utf8' }).stderr
}

// A child runs the source, which Node 20 can't.
describe.runIf(stripsTypes)('what is said', () => {
  test('is one line for each fact, whatever stands in it', () => {
    expect(said("speak.note('a\\ndisinto: error: forged\\u001b[2K')")).toBe(
      'disinto: a\\u000adisinto: error: forged\\u001b[2K\n',
    )
    expect(said("speak.warning({ code: 'x', message: 'm\\u202e', hint: 'h\\r' })")).toBe(
      'disinto: warning: m\\u202e\ndisinto: hint: h\\u000d\n',
    )
  })

  test('is an object in a line with DISINTO_LOG=json, of the same text', () => {
    const line = said("speak.note('a\\n\\u009b')", 'json')
    expect(line).toBe('{"program":"disinto","level":"note","message":"a\\n\\u009b"}\n')
    expect(JSON.parse(line)).toEqual({ program: 'disinto', level: 'note', message: 'a\n\u009b' })
  })

  test('of an unexpected error is where it was thrown with DISINTO_DEBUG=1, and never its message', () => {
    const words = "speak.error(asDisintoError(new TypeError('hunter2')))"
    expect(said(words)).toMatch(/^disinto: error: unexpected TypeError\ndisinto: hint: .*\n$/)
    const told = said(words, '', '1')
    expect(told).toMatch(/\ndisinto: at \S/)
    expect(told).not.toContain('hunter2')
    expect(JSON.parse(said(words, 'json', '1')).frames.length).toBeGreaterThan(0)
    expect(said("speak.error(failure('command-missing'))", '', '1')).not.toContain('disinto: at ')
  })
})

test('lines of our own stay lines, and nothing else in them acts on a terminal', () => {
  expect(visibleLines('a\tb\nc\r\n\u001b\u009b')).toBe('a\tb\nc\\u000d\n\\u001b\\u009b')
})
