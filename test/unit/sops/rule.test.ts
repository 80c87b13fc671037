import { expect, test } from 'vitest'
import { type Rule, selectorOf } from '../../../src/sops/rule.ts'

async function selected(rule: Rule, items: ReadonlyArray<readonly ['value' | 'comment', string]>) {
  const selector = await selectorOf(rule)
  return items.map(([kind, text]) => selector?.[kind](text))
}

test.each<[name: Rule['name'], text: string, answers: readonly boolean[]]>([
  ['unencrypted_suffix', '_clear', [true, false, true]],
  ['encrypted_suffix', '_clear', [false, true, false]],
  ['unencrypted_regex', '_clear$', [true, false, true]],
  ['encrypted_regex', '_clear$', [false, true, false]],
])('%s decides by the name, and for comments by its kind', async (name, text, answers) => {
  const items = [
    ['value', 'A'],
    ['value', 'A_clear'],
    ['comment', 'A_clear'],
  ] as const
  expect(await selected({ name, text }, items)).toEqual(answers)
})

test('encrypted_comment_regex encrypts the value behind the comment, and not the comment that asks for it', async () => {
  const items = [
    ['value', 'A'],
    ['comment', 'please hide'],
    ['comment', 'more'],
    ['value', 'B'],
    ['value', 'C'],
  ] as const
  expect(await selected({ name: 'encrypted_comment_regex', text: 'hide' }, items)).toEqual([
    false,
    false,
    true,
    true,
    false,
  ])
})

test('unencrypted_comment_regex leaves the value behind the comment clear, and the comments from it on', async () => {
  const items = [
    ['comment', 'x'],
    ['value', 'A'],
    ['comment', 'show this'],
    ['comment', 'more'],
    ['value', 'B'],
    ['value', 'C'],
  ] as const
  expect(await selected({ name: 'unencrypted_comment_regex', text: 'show' }, items)).toEqual([
    true,
    true,
    false,
    false,
    false,
    true,
  ])
})

test.each(['encrypted_regex', 'unencrypted_comment_regex'] as const)(
  'a pattern that our matcher does not know has no selector: %s',
  async (name) => {
    expect(await selectorOf({ name, text: '(' })).toBeUndefined()
  },
)
