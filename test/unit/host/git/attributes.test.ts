import { expect, test } from 'vitest'
import { withAttributes, withoutAttributes } from '../../../../src/host/git/attributes.ts'

test.each(['', '*.md text\n', '# mine\r\n*.enc binary', '\n\n'])(
  'our lines come to the end of %j, and go again',
  (text) => {
    const added = withAttributes(text) ?? ''
    expect(added.split('\n').at(-2)).toBe('secrets/*.enc diff=disinto merge=disinto -text')
    expect(withAttributes(added)).toBe(undefined)
    expect(withoutAttributes(added)).toBe(text === '' || text.endsWith('\n') ? text : `${text}\n`)
  },
)

test('a line of ours that was lost comes back, and none stands twice', () => {
  const lost = (withAttributes('a b\n') ?? '').replace(/^\.env.*\n/m, '')
  expect(withAttributes(lost)).toBe(withAttributes('a b\n'))
})

test('there is nothing to take out of a file that has none of them', () => {
  expect(withoutAttributes('*.enc diff=other\n')).toBe(undefined)
})
