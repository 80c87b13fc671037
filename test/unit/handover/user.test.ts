import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { lookUpUser } from '../../../src/handover/user.ts'

const directory = mkdtempSync(join(tmpdir(), 'disinto-'))
const passwd = join(directory, 'passwd')
const group = join(directory, 'group')
writeFileSync(
  passwd,
  'root:x:0:0:root:/root:/bin/sh\nagent:x:1000:1000::/home/agent:/bin/bash\nbare:x:7:8:::\nbad:x:y:z::/:\n',
)
writeFileSync(group, 'root:x:0:\nagent:x:1000:\ndocker:x:999:other,agent\naudio:x:29:agent\nbad:x:y:\n')
const look = (spec: string) => lookUpUser(spec, passwd, group)

describe('a user', () => {
  test.each([
    ['agent', { uid: 1000, gid: 1000, groups: [1000, 999, 29], home: '/home/agent' }],
    ['1000', { uid: 1000, gid: 1000, groups: [1000, 999, 29], home: '/home/agent' }],
    ['agent:docker', { uid: 1000, gid: 999, groups: [999], home: '/home/agent' }],
    ['agent:5', { uid: 1000, gid: 5, groups: [5], home: '/home/agent' }],
    ['4711:4712', { uid: 4711, gid: 4712, groups: [4712], home: '/' }],
    ['bare', { uid: 7, gid: 8, groups: [8], home: '/' }],
    ['0', { uid: 0, gid: 0, groups: [0], home: '/root' }],
  ])('%s', (spec, account) => {
    expect(look(spec)).toEqual({ spec, ...account })
  })

  test.each([
    'nobody',
    'agent:nogroup',
    '4711',
    '',
    ':',
    'agent:',
    'bad',
    'agent:bad',
    '4294967295:1',
    '1:4294967295',
    '-1:1',
  ])('%j is an error', (spec) => {
    expect(() => look(spec)).toThrowError(expect.objectContaining({ code: 'user-unknown' }))
  })

  test('without the files, numbers still work', () => {
    expect(lookUpUser('1:2', join(directory, 'none'), join(directory, 'none'))).toEqual({
      spec: '1:2',
      uid: 1,
      gid: 2,
      groups: [2],
      home: '/',
    })
    expect(() => lookUpUser('agent', join(directory, 'none'), join(directory, 'none'))).toThrow()
  })
})
