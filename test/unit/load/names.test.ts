import { describe, expect, test } from 'vitest'
import { checkName } from '../../../src/load/names.ts'

const check =
  (name: string, ...allow: string[]) =>
  () =>
    checkName(name, 'x.enc', new Set(allow))

describe('names', () => {
  test.each(['A', '_', '_1', 'a_B9', 'LDX', 'PATHS', 'MY_PATH', '__proto__', 'DISINTO', 'NODE_ENV'])(
    '%s is fine',
    (name) => {
      expect(check(name)).not.toThrow()
    },
  )

  test.each(['', '1', 'A-B', 'A.B', 'A B', 'A=B', 'Ä', 'A\n', 'A\0'])('%j is no name', (name) => {
    expect(check(name)).toThrowError(expect.objectContaining({ code: 'name-bad' }))
  })

  test.each([
    'PATH',
    'LD_AUDIT',
    'LD_',
    'DYLD_X',
    'BASH_FUNC_x',
    'GIT_CONFIG_COUNT',
    'DISINTO_ROOT',
    'SOPS_AGE_KEY',
    'HOME',
  ])('%s is refused, unless it is allowed', (name) => {
    expect(check(name)).toThrowError(expect.objectContaining({ code: 'name-refused' }))
    expect(check(name, 'OTHER')).toThrow()
    expect(check(name, name)).not.toThrow()
  })
})
