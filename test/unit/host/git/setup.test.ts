import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { callLine, configuration, hookText } from '../../../../src/host/git/setup.ts'

const ODD = { node: `/opt/it's "a" $(touch x)/node`, bundle: '/opt/a\nb\\c/disinto.js' }

test('the line is one that a shell takes apart into the very words, whatever the paths', () => {
  const line = callLine(ODD, 'git textconv')
  const words = execFileSync('sh', ['-c', `printf '%s\\0' ${line}`], { encoding: 'utf8' }).split('\0')
  expect(words).toEqual([ODD.node, ODD.bundle, 'git', 'textconv', '--root', '.', ''])
})

test('git keeps nothing that textconv prints, and an ancestor made of several is not merged by us', () => {
  const entries = configuration(ODD)
  expect(entries.get('diff.disinto.cachetextconv')).toBe('false')
  expect(entries.get('merge.disinto.recursive')).toBe('binary')
})

test('a hook whose program has moved refuses, and says what to do', () => {
  try {
    execFileSync('sh', ['-c', hookText(ODD)], { stdio: 'pipe' })
    expect.unreachable()
  } catch (error) {
    expect(error).toMatchObject({ status: 1 })
    expect(String(Object(error).stderr)).toBe('disinto has moved: run disinto git setup --hook again\n')
  }
})
