import { expect, test } from 'vitest'
import { setUpFindings } from '../../../../src/host/doctor/git.ts'
import type { SetUp } from '../../../../src/host/git/setup.ts'

test.each<[string, SetUp, string[]]>([
  ['nothing is set up', { attributes: false, drivers: 'none', hook: false }, ['note git-setup-none']],
  ['only the attributes are', { attributes: true, drivers: 'none', hook: true }, ['warning git-setup-half']],
  ['only the drivers are', { attributes: false, drivers: 'good', hook: true }, ['warning git-setup-half']],
  [
    'git calls a disinto of the work tree',
    { attributes: true, drivers: 'inside', hook: true },
    ['error git-setup-inside'],
  ],
  ['disinto has moved', { attributes: true, drivers: 'stale', hook: true }, ['warning git-setup-stale']],
  [
    'git keeps what it shows',
    { attributes: true, drivers: 'cached', hook: true },
    ['warning git-setup-cached'],
  ],
  ['only the hooks are missing', { attributes: true, drivers: 'good', hook: false }, ['note git-hook-none']],
  ['everything is', { attributes: true, drivers: 'good', hook: true }, []],
])('when %s', (_, setUp, wanted) => {
  expect(setUpFindings(setUp).map(({ severity, code }) => `${severity} ${code}`)).toEqual(wanted)
})
