import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import {
  becomesAnother,
  becomeUser,
  givenGroups,
  homeAs,
  isTerminal,
  lookUpUser,
  withGivenGroups,
  withHome,
} from '../../../src/handover/user.ts'

const ROOT = process.getuid?.() === 0

const directory = mkdtempSync(join(tmpdir(), 'disinto-'))
const passwd = join(directory, 'passwd')
const group = join(directory, 'group')
writeFileSync(
  passwd,
  'root:x:0:0:root:/root:/bin/sh\nagent:x:1000:1000::/home/agent:/bin/bash\nbare:x:7:8:::\nbad:x:y:z::/:\n',
)
writeFileSync(
  group,
  'root:x:0:\nagent:x:1000:\nshort:x:5\n\ndocker:x:999:other,agent\naudio:x:29:agent\nbad:x:y:\n',
)
const look = (spec: string) => lookUpUser(spec, passwd, group)

/** Has this process be of a user, or of none, as on Windows. What the kernel really does is asked by test/shim/user.test.ts. */
function as(uid: number | undefined): void {
  vi.spyOn(process, 'getuid').mockReturnValue(uid as number)
}
afterEach(() => void vi.restoreAllMocks())

/** Takes functions away that Node has only where there are users; returns what puts them back. */
function without(
  ...names: ReadonlyArray<'getuid' | 'getgid' | 'getgroups' | 'setgroups' | 'setgid' | 'setuid'>
) {
  const before = names.map((name) => [name, process[name]] as const)
  for (const name of names) Object.defineProperty(process, name, { value: undefined, configurable: true })
  return () => {
    for (const [name, value] of before)
      Object.defineProperty(process, name, { value, configurable: true, writable: true })
  }
}

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
    ['nobody', 'no user "nobody" in PASSWD'],
    ['agent:nogroup', 'no group "nogroup" in GROUP'],
    ['4711', 'uid 4711 is not in PASSWD, so name its group, too'],
    ['', 'no user "" in PASSWD'],
    [':', 'no user "" in PASSWD'],
    ['agent:', 'no group "" in GROUP'],
    ['bad', '"y" is no number'],
    ['agent:bad', '"y" is no number'],
    ['4294967295:1', '"4294967295" is no number'],
    ['1:4294967295', '"4294967295" is no number'],
    ['-1:1', 'no user "-1" in PASSWD'],
  ])('%j is an error: %s', (spec, part) => {
    const message = expect.stringContaining(part.replace('PASSWD', passwd).replace('GROUP', group))
    expect(() => look(spec)).toThrowError(expect.objectContaining({ code: 'user-unknown', message }))
  })

  test('can have the largest number that is no order to change nothing', () => {
    expect(look('4294967294:1').uid).toBe(4_294_967_294)
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

describe('the groups that the container was given', () => {
  test('are those that root has not by its own line, and never root’s own', () => {
    const groups = join(directory, 'groups-of-root')
    writeFileSync(groups, 'root:x:0:\nadm:x:4:other,root\ndisk:x:6:roots\nbin:x:1:\nshort:x\n')
    expect(givenGroups([0, 1, 4, 6, 4711], groups)).toEqual([1, 6, 4711])
    expect(givenGroups([0, 4], join(directory, 'none'))).toEqual([4])
    expect(givenGroups([], groups)).toEqual([])
  })

  test.runIf(ROOT)('are the account’s beside its own, each once (needs root)', () => {
    const given = givenGroups(process.getgroups?.() ?? [])
    const account = { ...look('agent'), groups: [1000, ...given] }
    expect(withGivenGroups(account)).toEqual(account)
    expect(withGivenGroups(look('agent')).groups).toEqual([1000, 999, 29, ...given])
  })

  test('are root’s, but for those of its own line', () => {
    as(0)
    vi.spyOn(process, 'getgroups').mockReturnValue([0, 29, 4711])
    expect(withGivenGroups(look('agent')).groups).toEqual([1000, 999, 29, 4711])
  })

  test('are nothing to add for who is not root', () => {
    as(4711)
    const account = look('agent')
    expect(withGivenGroups(account)).toBe(account)
  })
})

describe('who would become another', () => {
  test.each([
    [0, 'agent', true],
    [0, '0', false],
    [4711, 'agent', false],
  ])('uid %i, asked for %s: %s', (uid, spec, becomes) => {
    as(uid)
    expect(becomesAnother(look(spec))).toBe(becomes)
  })
})

describe('HOME', () => {
  const environment = (home?: string) =>
    new Map([['A', '1'], ...(home === undefined ? [] : [['HOME', home] as const])])
  const home = (uid: number, value: string | undefined, other = '/new') => {
    as(uid)
    return withHome(other, environment(value), passwd).get('HOME')
  }

  test.each([['/'], [''], [undefined]])('of a user that nobody knows is another in place of %j', (value) => {
    expect(home(4711, value)).toBe('/new')
  })

  test('stays where it is a directory of one’s own, or the user is known', () => {
    expect(home(4711, '/mine')).toBe('/mine')
    expect(home(1000, '/')).toBe('/')
    as(1000)
    const same = environment('/')
    expect(withHome('/new', same, passwd)).toBe(same)
  })

  test('is at its place in the environment, and everything else stays', () => {
    as(4711)
    const before = new Map([
      ['HOME', '/'],
      ['A', '1'],
    ])
    expect([...withHome('/new', before, passwd)]).toEqual([
      ['HOME', '/new'],
      ['A', '1'],
    ])
    expect(before.get('HOME')).toBe('/')
  })

  test('that the command gets is the account’s for root', () => {
    as(0)
    expect(homeAs(look('agent'), environment('/h'), '/new')).toBe('/home/agent')
    expect(homeAs(undefined, environment('/h'), undefined)).toBe('/h')
  })

  test('that the command gets is the inherited one for who is not root, or another where that is none', () => {
    as(4711)
    expect(homeAs(look('agent'), environment('/h'), undefined)).toBe('/h')
    expect(homeAs(look('agent'), environment('/'), '/new')).toBe('/')
    expect(homeAs(undefined, environment('/'), '/new')).toBe('/new')
    expect(homeAs(undefined, environment('/'), undefined)).toBe('/')
    expect(homeAs(undefined, environment(''), undefined)).toBeUndefined()
  })
})

describe('becoming a user', () => {
  /** Has this process ask the kernel for nothing; returns what it would have asked, in order. */
  function asked(uid: number, refuses?: 'setgroups' | 'setgid' | 'setuid'): Array<[string, unknown]> {
    as(uid)
    const calls: Array<[string, unknown]> = []
    for (const call of ['setgroups', 'setgid', 'setuid'] as const)
      vi.spyOn(process, call).mockImplementation((id: unknown) => {
        calls.push([call, id])
        if (call === refuses) throw Object.assign(new Error('refused'), { code: 'EPERM' })
      })
    return calls
  }
  const environment = new Map([
    ['HOME', '/root'],
    ['A', '1'],
  ])
  const refused = (code: string, said: string) =>
    expect.objectContaining({ code, message: expect.stringContaining(said) })

  test('sets groups, gid and uid in this order, and HOME', () => {
    const calls = asked(0)
    const became = becomeUser(look('0'), environment)
    expect(calls).toEqual([
      ['setgroups', [0]],
      ['setgid', 0],
      ['setuid', 0],
    ])
    expect([...became]).toEqual([
      ['HOME', '/root'],
      ['A', '1'],
    ])
    expect(becomeUser({ ...look('0'), home: '/h' }, environment).get('HOME')).toBe('/h')
  })

  test.each(['setgroups', 'setgid', 'setuid'] as const)('stops where the kernel refuses %s', (call) => {
    const calls = asked(0, call)
    expect(() => becomeUser(look('0'), environment)).toThrow(refused('user-refused', 'EPERM'))
    expect(calls.at(-1)?.[0]).toBe(call)
  })

  test('changes nothing for who is that user already', () => {
    const calls = asked(1000)
    vi.spyOn(process, 'getgid').mockReturnValue(999)
    for (const spec of ['agent', '1000', 'agent:docker', '1000:999'])
      expect(becomeUser(look(spec), environment)).toBe(environment)
    expect(calls).toEqual([])
  })

  test.each(['bare', 'agent:5', '1000:1000'])('is refused to who is not root, and asks for %s', (spec) => {
    const calls = asked(1000)
    vi.spyOn(process, 'getgid').mockReturnValue(999)
    expect(() => becomeUser(look(spec), environment)).toThrow(refused('user-not-root', '1000'))
    expect(calls).toEqual([])
  })

  test('is refused where there are no users', () => {
    as(undefined)
    expect(() => becomeUser(look('agent'), environment)).toThrow(refused('user-refused', process.platform))
  })

  test.each(['getuid', 'setgroups', 'setgid', 'setuid'] as const)('is refused without %s', (name) => {
    const calls = name === 'getuid' ? [] : asked(0)
    const putBack = without(name)
    try {
      expect(() => becomeUser(look('0'), environment)).toThrow(refused('user-refused', process.platform))
      expect(calls).toEqual([])
    } finally {
      putBack()
    }
  })
})

test('where there are no users, nobody is root, and nobody becomes another', () => {
  const putBack = without('getuid', 'getgid', 'getgroups')
  try {
    const account = look('agent')
    expect(becomesAnother(account)).toBe(false)
    expect(withGivenGroups(account)).toBe(account)
    expect(homeAs(account, new Map([['HOME', '/h']]), undefined)).toBe('/h')
    expect(withHome('/new', new Map([['HOME', '/']]), passwd).get('HOME')).toBe('/new')
  } finally {
    putBack()
  }
})

test.each([
  [3, false],
  [4, true],
  [5, true],
  [6, false],
  [135, false],
  [136, true],
  [143, true],
  [144, false],
  [0x0f04, false],
])('a device of major number %i is a terminal: %s', (major, terminal) => {
  expect(isTerminal((major << 8) | 1)).toBe(terminal)
})

test('a file of users that can’t be read is an error', () => {
  expect(() => lookUpUser('agent', directory, group)).toThrow(
    expect.objectContaining({ code: 'source-unreadable', message: expect.stringContaining('EISDIR') }),
  )
})
