import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { Secret } from '../../src/secret.ts'

test('a secret shows itself in no way but reveal', () => {
  const secret = new Secret('hunter2')
  const shown = [
    `${secret}`,
    String(secret),
    JSON.stringify({ secret }),
    inspect(secret),
    inspect({ secret }),
    ['', secret].join(),
  ]
  for (const text of shown) expect(text).not.toContain('hunter2')
  expect(Object.keys(secret)).toEqual([])
  expect(secret.reveal()).toBe('hunter2')
})
