/** Days by which values are due for change at their issuers. */
import { expect, test } from 'vitest'
import { Host, MARK } from './host.ts'

const dueOf = (host: Host) =>
  Object.fromEntries(
    (
      JSON.parse(host.well(['secrets', 'list', '--due', '--json'])) as Array<{ name: string; due: string }>
    ).map(({ name, due }) => [name, due]),
  )

/** A secret file and a name of .env.enc, each with its day. */
function project(): Host {
  const host = new Host()
  host.write('.env', `A=${MARK}\nB=2\n`)
  host.well(['secrets', 'migrate'])
  host.well(['secrets', 'add', 'TOKEN', '--due', '2999-01-31'], { input: MARK })
  host.well(['secrets', 'set', 'A', '--force', '--due', '2998-01-31'], { input: MARK })
  return host
}

test('add and set take a day, list shows it, and the next comes first', () => {
  const host = project()
  expect(Object.entries(dueOf(host))).toEqual([
    ['A', '2998-01-31'],
    ['TOKEN', '2999-01-31'],
  ])
  expect(host.well(['secrets', 'list'])).toMatch(/^NAME .* CHANGED +DUE +RECIPIENTS$/m)
  expect(host.well(['secrets', 'list'])).toMatch(/^B .* - +you/m)
  expect(host.fails(['secrets', 'add', 'X', '--due', 'soon'], { status: 2 })).toContain('2027-01-31')
  expect(host.exists('secrets/X.enc')).toBe(false)
})

test('what sops does to the files changes no day and breaks no MAC, and the shim is not disturbed', () => {
  const host = project()
  const file = host.path('secrets/TOKEN.enc')
  const before = host.read('secrets/due.json')
  host.sops('set', file, '["TOKEN"]', '"other"')
  host.sops('rotate', '--in-place', '--input-type', 'json', '--output-type', 'json', file)
  host.sops('updatekeys', '--yes', '--input-type', 'json', file)
  expect(host.read('secrets/due.json')).toBe(before)
  expect(dueOf(host)).toMatchObject({ TOKEN: '2999-01-31' })
  host.well(['secrets', 'verify'])
  expect(host.well(['run', '--', 'printenv', 'TOKEN'])).toBe('other\n')
  expect(host.run(['doctor', '--json']).stdout).not.toContain('due.json')
})

test('where a day can’t be written down, no value is stored', () => {
  const host = new Host()
  host.well(['secrets', 'add', 'A'], { input: MARK })
  host.write('secrets/due.json', '{')
  for (const words of [
    ['secrets', 'add', 'B', '--due', '90d'],
    ['secrets', 'add', 'A', '--force', '--due', '90d'],
    ['secrets', 'set', 'C', '--due', '90d'],
  ]) {
    const before = host.files()
    expect(host.fails(words, { input: MARK })).toContain('due.json: it is not JSON')
    expect(host.files()).toEqual(before)
  }
  host.well(['secrets', 'add', 'B'], { input: MARK })
})

test('a new value has its own day or none, and what is removed has none', () => {
  const host = project()
  expect(host.run(['secrets', 'add', 'TOKEN', '--force'], { input: 'x' }).stderr).toContain(
    '--due sets one for this value',
  )
  expect(dueOf(host)).toEqual({ A: '2998-01-31' })
  host.well(['secrets', 'rm', 'A', '--force'])
  expect(host.read('secrets/due.json')).toBe('{}\n')
})

test('what is overdue fails doctor and is marked in the list, and so does what is older than --max-age', () => {
  const host = project()
  const codes = (...words: string[]) => {
    const { stdout, status } = host.run(['doctor', '--json', ...words])
    const { findings } = JSON.parse(stdout) as { findings: Array<{ code: string; severity: string }> }
    return [status, ...findings.filter(({ severity }) => severity === 'error').map(({ code }) => code)]
  }
  expect(codes()).toEqual([0])
  host.write('secrets/due.json', '{"TOKEN": "2001-01-01"}\n')
  expect(codes()).toEqual([1, 'secret-overdue'])
  expect(host.well(['secrets', 'list'])).toContain('(overdue: change it at its issuer)')
  host.write('secrets/due.json', '{}\n')
  expect(codes('--max-age', '90d')).toEqual([0])
  expect(codes('--max-age', '0d')).toEqual([1, 'secret-old', 'secret-old', 'secret-old'])
  expect(host.fails(['doctor', '--max-age', 'old'], { status: 2 })).toContain('90d')
})
