import { expect, test } from 'vitest'
import { failure } from '../../../src/errors.ts'
import { findingOf, linesOf, plainFinding } from '../../../src/host/finding.ts'
import { warning } from '../../../src/host/warnings.ts'

test('a failure is a finding with the code, the message and the hint it has elsewhere', () => {
  expect(findingOf(failure('source-empty', { path: '/x' }))).toEqual({
    code: 'source-empty',
    severity: 'error',
    message: '/x: is empty',
    hint: 'restore it from git or a backup, or encrypt the value again',
  })
  expect(findingOf(new TypeError('hunter2'), 'warning')).toMatchObject({
    code: 'internal',
    severity: 'warning',
    message: 'unexpected TypeError',
  })
})

test('a warning is a finding with a severity: a person reads its hint as a fix, and so do programs', () => {
  const found = { severity: 'warning', ...warning('container-older', { service: 'agents' }) } as const
  expect(linesOf(found)).toBe(
    'warning: container-older: agents: its container has the secrets from before their last change\n' +
      '  fix: disinto restart loads the current ones\n',
  )
  expect(plainFinding(found)).toEqual({
    code: 'container-older',
    severity: 'warning',
    message: 'agents: its container has the secrets from before their last change',
    fix: 'disinto restart loads the current ones',
  })
})
