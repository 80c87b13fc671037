// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references of compose are what this is about.
import { expect, test } from 'vitest'
import { readReferences } from '../../../../src/host/compose/references.ts'

const placesOf = async (text: string) =>
  (await readReferences('compose.yml', text)).references.map(({ name, path }) => `${name} ${path.join('.')}`)

test('variables are found where they stand: through anchors, merges and tags', async () => {
  const text = `
x-common: &common
  environment: &env
    SHARED: \${SHARED}
services:
  web:
    <<: *common
    ports: ["\${PORT:-80}:80"]
    labels: !override {a: "\${LABEL}"}
    volumes: !reset []
  job:
    environment:
      <<: [*env]
      OWN: $OWN
`
  expect(await placesOf(text)).toEqual([
    'SHARED x-common.environment.SHARED',
    'SHARED services.web.environment.SHARED',
    'PORT services.web.ports.*',
    'LABEL services.web.labels.a',
    'SHARED services.job.environment.SHARED',
    'OWN services.job.environment.OWN',
  ])
})

test('a name without a value is passed on, and secrets from the environment name their variable', async () => {
  const text = `
services:
  web:
    environment: [ONE, "TWO=2"]
    build: {args: {THREE: , FOUR: 4}}
secrets: {s: {environment: FIVE}}
configs: {c: {environment: SIX}}
`
  expect(await placesOf(text)).toEqual([
    'ONE services.web.environment.*',
    'THREE services.web.build.args.THREE',
    'FIVE secrets.s.environment',
    'SIX configs.c.environment',
  ])
})

test('the files that a file takes in are found', async () => {
  const text = `
include:
  - a.yml
  - path: [b.yml, "\${DIR}/c.yml"]
services:
  web:
    extends: {file: base.yml, service: x}
    env_file: [one.env, {path: two.env, required: false}]
`
  const { follows } = await readReferences('compose.yml', text)
  expect(follows.map(({ kind, file, service }) => [kind, file, service])).toEqual([
    ['include', 'a.yml', undefined],
    ['include', 'b.yml', undefined],
    ['include', '${DIR}/c.yml', undefined],
    ['extends', 'base.yml', 'web'],
    ['env-file', 'one.env', 'web'],
    ['env-file', 'two.env', 'web'],
  ])
})

test('what is no YAML refers to nothing, and a bomb of aliases ends', async () => {
  expect(await placesOf('services: [\n: ${A}')).not.toContain('B')
  const bomb = Array.from({ length: 30 }, (_, at) =>
    at === 0 ? 'x0: &x0 ["$A"]' : `x${at}: &x${at} [*x${at - 1}, *x${at - 1}, *x${at - 1}]`,
  ).join('\n')
  expect((await readReferences('compose.yml', bomb)).references.length).toBeLessThan(200_001)
})

test('an alias stands for the last node before it that has its anchor', async () => {
  const text = `
a: &a {b: &b "\${ONE}"}
c: &b "\${TWO}"
d: *a
e: *b
`
  const { references } = await readReferences('compose.yml', text)
  expect(references.map(({ name, path }) => [name, path.join('.')])).toEqual([
    ['ONE', 'a.b'],
    ['TWO', 'c'],
    ['ONE', 'd.b'],
    ['TWO', 'e'],
  ])
})

test('an alias of what it stands in ends', async () => {
  expect(
    (await readReferences('compose.yml', 'a: &a {<<: *a, b: "${X}"}\nc: &c [*c, "${X}"]\n')).references
      .length,
  ).toBeGreaterThan(1)
})

test('what the file itself sets is known, without what it refers to', async () => {
  const { literals } = await readReferences(
    'compose.yml',
    'services: {a: {environment: {A: x, B: "${B:-y}"}}, b: {environment: [C=z]}}',
  )
  expect(literals.has('A=x')).toBe(true)
  expect(literals.has('C=z')).toBe(true)
  expect([...literals].filter((literal) => literal.startsWith('B='))).toEqual([])
})
