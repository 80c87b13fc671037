/** Random rules and random sequences of commands, beside a model; each key is tried on each file with stock sops. */
import { execFile, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import fc from '../helpers/property.ts'
import { expect, test } from 'vitest'
import { generateKey } from '../../src/age/keygen.ts'
import { DisintoError } from '../../src/errors.ts'
import { recipientsOfFile } from '../../src/host/access/keys.ts'
import type { HostCommand } from '../../src/host/cli/command.ts'
import { add } from '../../src/host/commands/secrets/add.ts'
import { edit } from '../../src/host/commands/secrets/edit.ts'
import { list } from '../../src/host/commands/secrets/list.ts'
import { migrate } from '../../src/host/commands/secrets/migrate.ts'
import { recipientsAccept } from '../../src/host/commands/secrets/recipients/accept.ts'
import { recipientsAdd } from '../../src/host/commands/secrets/recipients/add.ts'
import { recipientsList } from '../../src/host/commands/secrets/recipients/list.ts'
import { recipientsRm } from '../../src/host/commands/secrets/recipients/rm.ts'
import { rotateKey } from '../../src/host/commands/secrets/rotate-key.ts'
import type { HostContext } from '../../src/host/context.ts'
import { examineFiles } from '../../src/host/doctor/files.ts'
import { projectAt } from '../../src/host/project.ts'
import { ensureServiceKey, grantService } from '../../src/host/store/grant.ts'
import { bareKey } from '../../src/sops/master-key.ts'
import {
  type File,
  type Groups,
  isAccepted,
  isAllAccepted,
  type Key,
  opens,
  rewritten,
  type Rules,
  ruleFor,
  rulesText,
  styled,
  withKey,
  withoutKey,
  type World,
} from './access-model.ts'
import { deep, seed } from './reference.ts'

const SOPS = process.env['SOPS_PROGRAM'] ?? 'sops'
const sshDirectory = mkdtempSync(join(tmpdir(), 'disinto-access-ssh-'))
spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'a@b', '-f', join(sshDirectory, 'key')])
const SSH = readFileSync(join(sshDirectory, 'key.pub'), 'utf8').trim()
const people = { bob: generateKey(), carol: generateKey(), stranger: generateKey() }

type Step =
  | { readonly do: 'migrate' | 'edit-env' | 'rotate' | 'accept' | 'up' }
  | { readonly do: 'add' | 'edit'; readonly name: string }
  | { readonly do: 'give' | 'take'; readonly key: Key; readonly which: 'env' | 'secrets' | 'both' }
  | { readonly do: 'plant'; readonly key: Key; readonly which: 'env' | 'secrets'; readonly style: number }
  | { readonly do: 'claim'; readonly key: Key; readonly file: string; readonly how: 'entry' | 'comment' }

const name = fc.constantFrom('A', 'B')
const person = fc.constantFrom<Key>('bob', 'carol', 'ssh')
const style = fc.nat(41)
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constantFrom('migrate' as const, 'edit-env' as const, 'accept' as const, 'up' as const),
  }),
  fc.record({ do: fc.constant('rotate' as const) }),
  fc.record({ do: fc.constantFrom('add' as const, 'edit' as const), name }),
  fc.record({
    do: fc.constantFrom('give' as const, 'take' as const),
    key: person,
    which: fc.constantFrom('env' as const, 'secrets' as const, 'both' as const),
  }),
  fc.record({
    do: fc.constant('plant' as const),
    key: person,
    which: fc.constantFrom('env' as const, 'secrets' as const),
    style,
  }),
  fc.record({
    do: fc.constant('claim' as const),
    key: fc.constantFrom<Key>('bob', 'stranger'),
    file: fc.constantFrom('.env.enc', 'secrets/A.enc'),
    how: fc.constantFrom('entry' as const, 'comment' as const),
  }),
)

const others = fc.subarray<Key>(['bob', 'carol', 'ssh'])
const rulesArbitrary: fc.Arbitrary<Omit<Rules, 'patterns'>> = fc
  .tuple(others, others, fc.boolean(), fc.nat(3))
  .map(([env, secrets, shared, groups]) => {
    const one = (keys: readonly Key[]): Groups =>
      groups === 0
        ? [
            ['me', ...keys.slice(0, 1)],
            ['me', ...keys.slice(1)],
          ]
        : [['me', ...keys]]
    return { env: one(env), secrets: one(shared ? env : secrets), shared }
  })

const sorted = (texts: readonly string[]): string[] =>
  [...texts].sort((one, other) => (one < other ? -1 : Number(one > other)))

/** A project on disk, a home, and what the model says of them. */
class Stage {
  readonly base = mkdtempSync(join(tmpdir(), 'disinto-access-'))
  readonly root = join(this.base, 'project')
  readonly home = join(this.base, 'home')
  readonly keyFile = join(this.home, '.config/sops/age/keys.txt')
  readonly recipients = new Map<Key, string>([
    ['bob', people.bob.recipient],
    ['carol', people.carol.recipient],
    ['ssh', SSH],
    ['stranger', people.stranger.recipient],
  ])
  readonly #tried = new Map<string, boolean>()
  world: World
  said = ''
  printed = ''

  constructor(rules: Rules, how: number) {
    for (const path of [join(this.root, 'secrets'), dirname(this.keyFile)])
      mkdirSync(path, { recursive: true })
    const me = generateKey()
    writeFileSync(this.keyFile, me.text, { mode: 0o600 })
    this.recipients.set('me', me.recipient)
    writeFileSync(join(this.root, '.env'), 'FORGE=1\n')
    writeFileSync(join(this.root, '.sops.yaml'), rulesText(rules, this.recipients, how))
    this.world = { rules, accepted: rules, files: new Map() }
  }

  path(file: string): string {
    return join(this.root, file)
  }

  context(input = ''): HostContext {
    const variables = new Map([
      ['PATH', `${dirname(SOPS)}${delimiter}${process.env['PATH']}`],
      ['HOME', this.home],
      ['SOPS_DISABLE_VERSION_CHECK', '1'],
      ['EDITOR', 'sed -i s/1$/11/'],
      ['XDG_RUNTIME_DIR', '/dev/shm'],
    ])
    const say = (text: string): void => {
      this.said += `${text}\n`
    }
    return {
      project: projectAt(this.root, variables, this.root),
      variables,
      workingDirectory: this.root,
      interactive: false,
      speak: { error: ({ message }) => say(message), warning: ({ message }) => say(message), note: say },
      write: () => {},
      print: (text) => {
        this.printed += text
      },
      readInput: () => Buffer.from(input),
    }
  }

  /** Runs a command; whether it did it. Only refusals that name what to do are expected. */
  async does(
    command: HostCommand,
    words: readonly string[],
    options: readonly string[] = [],
    input = '',
  ): Promise<boolean> {
    try {
      const context = this.context(input)
      const status = await command.run({
        words,
        rest: [],
        context,
        commands: new Map(),
        on: (option) => options.includes(option),
        text: () => undefined,
        texts: () => [],
      })
      return status === 0
    } catch (error) {
      if (!(error instanceof DisintoError) || error.code === 'internal') throw error
      this.said += `${error.code}: ${error.message}\n`
      return false
    }
  }

  set(file: string, made: File): void {
    this.world = { ...this.world, files: new Map([...this.world.files, [file, made]]) }
  }

  /** Whether stock sops opens a file with one key alone. */
  async tries(key: Key, file: string): Promise<boolean> {
    const bytes = readFileSync(this.path(file), 'latin1')
    const holder = key === 'me' || key === 'agents' ? (this.recipients.get(key) ?? '') : key
    const tried = this.#tried.get(`${holder}\0${bytes}`)
    if (tried !== undefined) return tried
    const type = file === '.env.enc' ? 'dotenv' : 'json'
    const identity = this.#identity(key)
    const env = {
      PATH: process.env['PATH'] ?? '',
      HOME: '/nonexistent',
      ...(identity === undefined
        ? { SOPS_AGE_SSH_PRIVATE_KEY_FILE: join(sshDirectory, 'key') }
        : { SOPS_AGE_KEY: identity }),
    }
    const words = ['decrypt', '--input-type', type, '--output-type', type, this.path(file)]
    const opened = await new Promise<boolean>((resolve) => {
      execFile(SOPS, words, { env, cwd: '/' }, (error) => resolve(error === null))
    })
    this.#tried.set(`${holder}\0${bytes}`, opened)
    return opened
  }

  /** The key that `key` is; undefined for the SSH key, which is in a file. */
  #identity(key: Key): string | undefined {
    if (key === 'me') return readFileSync(this.keyFile, 'utf8')
    if (key === 'agents') return readFileSync(this.agents(), 'utf8')
    return key === 'ssh' ? undefined : people[key].text
  }

  agents(): string {
    return this.context().project.serviceKeyFile('agents') ?? ''
  }
}

/** `.env` to `.env.enc`, for those of its rule. */
async function doMigrate(stage: Stage): Promise<void> {
  const { world } = stage
  const { rules, files } = world
  const can = !files.has('.env.enc') && isAccepted(world, 'env')
  const had = files.has('.env.enc')
  const did = await stage.does(migrate, [])
  if (!had) expect(did, stage.said).toBe(can)
  if (can) stage.set('.env.enc', { labels: rules.env, holders: rules.env })
  return
}

/** A secret, new or in the place of another. */
async function doAdd(stage: Stage, step: Step & { readonly do: 'add' | 'edit' }): Promise<void> {
  const { world } = stage
  const { rules, files } = world
  const file = `secrets/${step.name}.enc`
  const old = files.get(file)
  const can = isAccepted(world, 'secrets')
  expect(await stage.does(add, [step.name], ['force'], 'value1'), stage.said).toBe(can)
  const rule = ruleFor(rules, file)
  if (can) stage.set(file, old === undefined ? { labels: rule, holders: rule } : rewritten(old, rule))
  return
}

/** A file in the editor, which keeps who can open it. */
async function doEdit(stage: Stage, file: string): Promise<void> {
  const { world } = stage
  const { rules, files } = world
  const old = files.get(file)
  const can = old !== undefined && isAccepted(world, file === '.env.enc' ? 'env' : 'secrets')
  expect(await stage.does(edit, [/^secrets\/(.*)\.enc$/.exec(file)?.[1] ?? file]), stage.said).toBe(can)
  if (can) stage.set(file, rewritten(old, ruleFor(rules, file)))
  return
}

/** `recipients add`. */
async function doGive(stage: Stage, step: Step & { readonly do: 'give' | 'take' }): Promise<void> {
  const { world } = stage
  const { rules, files } = world
  const which = step.which === 'both' ? (['env', 'secrets'] as const) : [step.which]
  const grouped = rules.env.length > 1
  const made = withKey(rules, which, step.key)
  const chosen = rules.shared ? (['env', 'secrets'] as const) : which
  const lacking = [...files].filter(
    ([file, { labels }]) =>
      chosen.includes(file === '.env.enc' ? 'env' : 'secrets') &&
      ruleFor(made, file).flat().includes(step.key) &&
      !labels.flat().includes(step.key),
  )
  const named = JSON.stringify(made) === JSON.stringify(rules)
  const accepted = isAllAccepted(world, (one) => (chosen.includes(one) ? [step.key] : []))
  const did = await stage.does(
    recipientsAdd,
    [stage.recipients.get(step.key) ?? ''],
    step.which === 'both' ? [] : [step.which],
  )
  const can = accepted && !(grouped && !named) && !(named && lacking.length === 0)
  expect(did, stage.said).toBe(can)
  if (accepted && named) stage.world = { ...stage.world, accepted: rules }
  if (!can) return
  stage.world = { ...stage.world, rules: made, accepted: made }
  for (const [file, old] of lacking) stage.set(file, rewritten(old, ruleFor(made, file), [step.key]))
  return
}

/** `recipients rm`. */
async function doTake(stage: Stage, step: Step & { readonly do: 'give' | 'take' }): Promise<void> {
  const { world } = stage
  const { rules, files } = world
  const made = withoutKey(rules, step.key)
  const known = [...files].filter(([, { labels }]) => labels.flat().includes(step.key))
  const changes = JSON.stringify(made) !== JSON.stringify(rules) || known.length > 0
  const left = made ?? rules
  const can = made !== undefined && changes && isAllAccepted({ ...world, rules: left })
  expect(await stage.does(recipientsRm, [stage.recipients.get(step.key) ?? '']), stage.said).toBe(can)
  if (!can) return
  stage.world = { ...stage.world, rules: left, accepted: left }
  for (const [file, old] of known) stage.set(file, rewritten(old, ruleFor(left, file)))
  return
}

/** `rotate-key`; afterwards the old key is put away, as a person does. */
async function doRotate(stage: Stage): Promise<void> {
  const { world } = stage
  const { rules, files } = world
  const accepted = isAllAccepted(world)
  const before = readFileSync(stage.keyFile, 'utf8')
  expect(await stage.does(rotateKey, []), stage.said).toBe(accepted)
  if (!accepted) {
    expect(readFileSync(stage.keyFile, 'utf8')).toBe(before)
    return
  }
  stage.recipients.set('me', (await recipientsOfFile(stage.keyFile))?.[0] ?? '')
  writeFileSync(stage.keyFile, readFileSync(stage.keyFile, 'utf8').split('# replaced')[0] ?? '')
  stage.world = { ...stage.world, accepted: rules }
  for (const [file, old] of files) stage.set(file, rewritten(old, ruleFor(rules, file)))
  return
}

/** A pull request that changes .sops.yaml. */
function plant(stage: Stage, step: Step & { readonly do: 'plant' }): void {
  const rules = styled(withKey(stage.world.rules, [step.which], step.key), step.style)
  stage.world = { ...stage.world, rules }
  writeFileSync(stage.path('.sops.yaml'), rulesText(rules, stage.recipients, step.style))
}

async function doAccept(stage: Stage): Promise<void> {
  expect(await stage.does(recipientsAccept, []), stage.said).toBe(true)
  stage.world = { ...stage.world, accepted: stage.world.rules }
}

/** An unauthenticated line: a copy of a wrapped data key under another name, or a name in a comment. */
function claim(stage: Stage, { key, file, how }: Step & { readonly do: 'claim' }): void {
  const old = stage.world.files.get(file)
  const recipient = stage.recipients.get(key) ?? ''
  if (old === undefined || old.labels.length > 1 || old.labels.flat().includes(key)) return
  const text = readFileSync(stage.path(file), 'utf8')
  if (file === '.env.enc') {
    if (how === 'comment') writeFileSync(stage.path(file), `# contact ${recipient}\n${text}`)
    else {
      const next = text.match(/^sops_age__list_\d+__map_enc=/gm)?.length ?? 0
      const enc = /^sops_age__list_0__map_enc=(.*)$/m.exec(text)?.[1] ?? ''
      writeFileSync(
        stage.path(file),
        `${text}sops_age__list_${next}__map_enc=${enc}\nsops_age__list_${next}__map_recipient=${recipient}\n`,
      )
    }
  } else if (how === 'entry') {
    const parsed = JSON.parse(text) as { sops: { age: Array<{ enc: string; recipient: string }> } }
    parsed.sops.age.push({ enc: parsed.sops.age[0]?.enc ?? '', recipient })
    writeFileSync(stage.path(file), JSON.stringify(parsed, undefined, '\t'))
  } else return
  if (how === 'entry') stage.set(file, { ...old, labels: old.labels.map((keys) => [...keys, key]) })
}

/** The rules with the agents for .env.enc, in a rule of its own where one was for all files. */
function granted(rules: Rules): Rules {
  const apart: Rules = rules.shared
    ? { ...rules, shared: false, patterns: { env: '^\\.env(\\.enc)?$', secrets: undefined } }
    : rules
  return withKey(apart, ['env'], 'agents')
}

/** What `disinto up` does for the agents, without the engine. */
async function up(stage: Stage): Promise<void> {
  const { world } = stage
  const { rules, files } = world
  const file = files.get('.env.enc')
  const context = stage.context()
  const { recipient } = await ensureServiceKey(context, 'agents')
  stage.recipients.set('agents', recipient)
  let did = true
  try {
    await grantService(context, 'agents', recipient)
  } catch (error) {
    if (!(error instanceof DisintoError) || error.code === 'internal') throw error
    stage.said += `${error.code}: ${error.message}\n`
    did = false
  }
  if (file === undefined) {
    expect(did, stage.said).toBe(true)
    return
  }
  const has = file.labels.flat().includes('agents')
  const named = rules.env.flat().includes('agents')
  const can = has || (isAccepted(world, 'env') && (named || rules.env.length === 1))
  expect(did, stage.said).toBe(can)
  if (!can || (has && named)) return
  if (has && !isAccepted(world, 'env')) return
  const add = (one: Rules): Rules => (one.env.flat().includes('agents') ? one : granted(one))
  stage.world = { ...stage.world, rules: add(rules), accepted: add(world.accepted) }
  if (!has) {
    const given = (groups: Groups): Groups => groups.map((keys) => [...keys, 'agents'])
    stage.set('.env.enc', { labels: given(file.labels), holders: given(file.holders) })
  }
}

async function take(stage: Stage, step: Step): Promise<void> {
  switch (step.do) {
    case 'migrate':
      return doMigrate(stage)
    case 'add':
      return doAdd(stage, step)
    case 'edit':
      return doEdit(stage, `secrets/${step.name}.enc`)
    case 'edit-env':
      return doEdit(stage, '.env.enc')
    case 'give':
      return doGive(stage, step)
    case 'take':
      return doTake(stage, step)
    case 'plant':
      return plant(stage, step)
    case 'accept':
      return doAccept(stage)
    case 'claim':
      return claim(stage, step)
    case 'rotate':
      return doRotate(stage)
    case 'up':
      return up(stage)
  }
}

/** Each key on each file, and what list, recipients list and doctor say. */
async function check(stage: Stage): Promise<void> {
  const { files, rules } = stage.world
  for (const [file, made] of files) {
    const keys = [...stage.recipients.keys()]
    const found = await Promise.all(keys.map((key) => stage.tries(key, file)))
    const able = keys.filter((_, at) => found[at])
    expect(able, `${file} by stock sops\n${stage.said}`).toEqual(keys.filter((key) => opens(made, key)))
  }
  const told = (all: readonly string[]): string[] => sorted([...new Set(all.map(bareKey))])
  stage.printed = ''
  await stage.does(recipientsList, [], ['json'])
  const rows = JSON.parse(stage.printed) as Array<{ file: string; recipients: string[]; expected: string[] }>
  expect(sorted(rows.map(({ file }) => file))).toEqual(sorted([...files.keys()]))
  const wanted = (groups: Groups) => told(groups.flat().map((key) => stage.recipients.get(key) ?? ''))
  for (const { file, recipients, expected } of rows) {
    expect(told(recipients), `${file} by recipients list`).toEqual(wanted(files.get(file)?.labels ?? []))
    expect(told(expected), `the rule of ${file}`).toEqual(wanted(ruleFor(rules, file)))
  }
  stage.printed = ''
  await stage.does(list, [], ['json'])
  for (const { file, recipients } of JSON.parse(stage.printed) as Array<{
    file: string
    recipients: string[]
  }>)
    expect(told(recipients), `${file} by list`).toEqual(wanted(files.get(file)?.labels ?? []))
  const differ = (await examineFiles(stage.context()))
    .filter(({ code }) => code === 'recipients-differ')
    .map(({ message }) => [...files.keys()].find((file) => message.includes(stage.path(file))) ?? message)
  const should = [...files].filter(
    ([file, { labels }]) => JSON.stringify(wanted(labels)) !== JSON.stringify(wanted(ruleFor(rules, file))),
  )
  expect(sorted(differ), 'by doctor').toEqual(sorted(should.map(([file]) => file)))
}

test('whatever is done, those can open a file who may, and every command says so', {
  timeout: 3_600_000,
}, async () => {
  const property = fc.asyncProperty(
    rulesArbitrary,
    style,
    fc.array(step, { minLength: 3, maxLength: deep ? 10 : 7 }),
    async (rules, how, steps) => {
      const stage = new Stage(
        styled({ ...rules, patterns: { env: undefined, secrets: undefined } }, how),
        how,
      )
      try {
        // The first look accepts what is there.
        await stage.does(recipientsAccept, [])
        for (const one of steps) {
          await take(stage, one)
          await check(stage)
        }
      } finally {
        if (existsSync(stage.base)) rmSync(stage.base, { recursive: true, force: true })
      }
    },
  )
  await fc.assert(property, { numRuns: deep ? 1000 : 12, seed, endOnFailure: !deep })
})
