import { expect, test } from 'vitest'
import { logs } from '../../src/node-debug.ts'

test.each([
  ['child_process', true],
  ['CHILD_PROCESS', true],
  ['fs, child_process', true],
  ['*', true],
  ['child*', true],
  ['*process', true],
  ['fs', false],
  ['process', false],
  ['child.process', false],
  ['child_process2', false],
  ['(', false],
])('%j has the log of child_process on: %s', (setting, on) => {
  expect(logs('child_process', setting)).toBe(on)
})
