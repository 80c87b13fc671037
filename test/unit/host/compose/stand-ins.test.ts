// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references of compose are what this is about.
import { expect, test } from 'vitest'
import { readReferences } from '../../../../src/host/compose/references.ts'
import { kindOf, StandIns } from '../../../../src/host/compose/stand-ins.ts'

const service = (lines: string) => `services:\n  s:\n    ${lines}\n`

test.for<[yaml: string, kind: string]>([
  ['ports: ["${X}:80"]', 'number'],
  ['ports: ["${X}"]', 'number'],
  ['ports: ["${X:-127.0.0.1}:${PORT}:80"]', 'address'],
  ['ports: ["80:80/${X}"]', 'choice'],
  ['ports: [{target: "${X}"}]', 'number'],
  ['volumes: ["${X}:/data"]', 'path'],
  ['volumes: ["data:/data:${X}"]', 'choice'],
  ['mem_limit: ${X}', 'number'],
  ['deploy: {resources: {limits: {cpus: "${X}"}}}', 'number'],
  ['stop_grace_period: ${X}', 'duration'],
  ['healthcheck: {interval: "${X}"}', 'duration'],
  ['privileged: ${X}', 'boolean'],
  ['pull_policy: ${X}', 'choice'],
  ['env_file: ${X}', 'value'],
  ['extends: {file: "${X}", service: b}', 'value'],
  ['image: a:${X}', 'text'],
  ['environment: {A: "${X}"}', 'text'],
  ['x-ports: ["${X}"]', 'text'],
])('%s takes a %s', async ([yaml, kind]) => {
  const { references } = await readReferences('compose.yml', service(yaml))
  const [reference] = references.filter(({ name }) => name === 'X')
  expect(reference && kindOf(reference)).toBe(kind)
})

test('stand-ins are told apart in a text, and put back as names', async () => {
  const { references } = await readReferences('compose.yml', service('command: ["$A", "${B}", "${C}"]'))
  const standIns = new StandIns(['A', 'B', 'C'], references, 'a port: 61001')
  const values = standIns.values()
  expect([...values.values()].join()).not.toContain('61001')
  const text = `x=${values.get('B')} y=${values.get('A')}+${values.get('B')}`
  expect(standIns.namesIn(text)).toEqual(['B', 'A'])
  expect(standIns.named(text)).toBe('x=${B} y=${A}+${B}')
})

test('a variable at two places gets what fewer places take, and none where its value is needed', async () => {
  const { references } = await readReferences(
    'compose.yml',
    `name: $N\n${service('ports: ["$P:80"]\n    environment: {P: "$P", N: "$N"}')}`,
  )
  const standIns = new StandIns(['P', 'N'], references)
  expect(standIns.values().get('P')).toMatch(/^\d{5}$/)
  expect(standIns.values().has('N')).toBe(false)
})

test('others are tried for the variable that a refusal shows, then for those at its place', async () => {
  const { references } = await readReferences('compose.yml', service('hostname: $A\n    labels: ["$B"]'))
  const standIns = new StandIns(['A', 'B'], references)
  const before = standIns.values()
  expect(standIns.tryOthers(`invalid thing: ${before.get('A')}`)).toBe(true)
  expect(standIns.values().get('B')).toBe(before.get('B'))
  expect(standIns.values().get('A')).not.toBe(before.get('A'))
  expect(standIns.tryOthers('services.s.labels.[0] must be a number')).toBe(true)
  expect(standIns.values().get('B')).not.toBe(before.get('B'))
  let rounds = 0
  while (standIns.tryOthers('no')) rounds += 1
  expect(rounds).toBeLessThan(20)
})

test('a text of references that are not closed is read in time that goes with its length', async () => {
  const { references } = await readReferences(
    'compose.yml',
    service(`ports: ["\${X}${'${'.repeat(300_000)}:80"]`),
  )
  expect(references.map(kindOf)).toEqual(['number'])
})
