/** Random rules and random sequences of commands, beside a model; each key is tried on each file with stock sops. */
import { execFile, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { parse } from 'yaml'
import { generateKey } from '../../src/age/keygen.ts'
import { DisintoError } from '../../src/errors.ts'
import { recipientsOfFile } from '../../src/host/access/keys.ts'
import type { HostCommand } from '../../src/host/cli/command.ts'
import { add } from '../../src/host/commands/secrets/add.ts'
import { edit } from '../../src/host/commands/secrets/edit.ts'
import { grant } from '../../src/host/commands/secrets/grant.ts'
import { list } from '../../src/host/commands/secrets/list.ts'
import { migrate } from '../../src/host/commands/secrets/migrate.ts'
import { recipientsAccept } from '../../src/host/commands/secrets/recipients/accept.ts'
import { recipientsAdd } from '../../src/host/commands/secrets/recipients/add.ts'
import { recipientsList } from '../../src/host/commands/secrets/recipients/list.ts'
import { recipientsRm } from '../../src/host/commands/secrets/recipients/rm.ts'
import { revoke } from '../../src/host/commands/secrets/revoke.ts'
import { rotateKey } from '../../src/host/commands/secrets/rotate-key.ts'
import type { HostContext } from '../../src/host/context.ts'
import { examineFiles } from '../../src/host/doctor/files.ts'
import { projectAt } from '../../src/host/project.ts'
import { ensureServiceKey, grantService } from '../../src/host/store/grant.ts'
import { bareKey } from '../../src/sops/master-key.ts'
import { plugIn } from '../helpers/age-plugin.ts'
import fc from '../helpers/property.ts'
import {
  chosenOf,
  type File,
  foreignKeys,
  type Groups,
  generalFor,
  isAccepted,
  isAllAccepted,
  isWritable,
  type Key,
  OTHER_PATTERN,
  opens,
  RULES,
  type Rules,
  rewritten,
  ruleFor,
  rulesText,
  styled,
  type Which,
  type World,
  withGrant,
  withKey,
  withoutGrant,
  withoutKey,
} from './access-model.ts'
import { deep, seed } from './reference.ts'

const SOPS = process.env['SOPS_PROGRAM'] ?? 'sops'
const sshDirectory = mkdtempSync(join(tmpdir(), 'disinto-access-ssh-'))
spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'a@b', '-f', join(sshDirectory, 'key')])
const SSH = readFileSync(join(sshDirectory, 'key.pub'), 'utf8').trim()
const pluginDirectory = mkdtempSync(join(tmpdir(), 'disinto-access-plugin-'))
const plugin = plugIn(pluginDirectory, randomBytes(32))
const KMS = 'kms:arn:aws:kms:eu-west-1:111122223333:key/1'

/** A home of GnuPG with a new key, and one with its public half alone. */
function makePgpKey(): { readonly secret: string; readonly open: string; readonly fingerprint: string } {
  const [secret, open] = ['secret', 'open'].map((which) =>
    mkdtempSync(join(tmpdir(), `disinto-gpg-${which}-`)),
  )
  const gpg = (home: string, words: readonly string[], input = '') => {
    const ran = spawnSync('gpg', ['--homedir', home, '--batch', '--passphrase', '', ...words], { input })
    if (ran.status !== 0) throw new Error(`needs GnuPG: ${ran.error?.message ?? ran.stderr.toString()}`)
    return ran.stdout.toString()
  }
  if (secret === undefined || open === undefined) throw new Error('no directory')
  gpg(secret, ['--quick-generate-key', 'a@b', 'default', 'default', 'never'])
  gpg(open, ['--import'], gpg(secret, ['--armor', '--export']))
  const fingerprint = /^fpr:+(\w+)/m.exec(gpg(secret, ['--with-colons', '--list-keys']))?.[1] ?? ''
  return { secret, open, fingerprint }
}

const pgp = makePgpKey()
afterAll(() => {
  for (const home of [pgp.secret, pgp.open]) spawnSync('gpgconf', ['--homedir', home, '--kill', 'all'])
  for (const directory of [sshDirectory, pluginDirectory, pgp.secret, pgp.open])
    rmSync(directory, { recursive: true, force: true })
})
const PATH = [pluginDirectory, dirname(SOPS), process.env['PATH']].join(delimiter)
const people = { bob: generateKey(), carol: generateKey(), stranger: generateKey() }

type Step =
  | { readonly do: 'migrate' | 'edit-env' | 'rotate' | 'accept' | 'up' }
  | { readonly do: 'add' | 'edit' | 'stock' | 'grant' | 'revoke'; readonly name: string }
  | { readonly do: 'give' | 'take'; readonly key: Key; readonly which: 'env' | 'secrets' | 'all' }
  | { readonly do: 'plant'; readonly key: Key; readonly which: Which; readonly style: number }
  | { readonly do: 'claim'; readonly key: Key; readonly file: string; readonly how: 'entry' | 'comment' }

const name = fc.constantFrom('A', 'B')
const person = fc.constantFrom<Key>('bob', 'carol', 'ssh', 'plugin')
const anybody = fc.constantFrom<Key>('bob', 'carol', 'ssh', 'plugin', 'pgp', 'kms')
const style = fc.nat(41)
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constantFrom('migrate' as const, 'edit-env' as const, 'accept' as const, 'up' as const),
  }),
  fc.record({ do: fc.constant('rotate' as const) }),
  fc.record({ do: fc.constantFrom('grant' as const, 'grant' as const, 'revoke' as const), name }),
  fc.record({ do: fc.constantFrom('add' as const, 'add' as const, 'edit' as const, 'stock' as const), name }),
  fc.record({
    do: fc.constant('give' as const),
    key: person,
    which: fc.constantFrom('env' as const, 'secrets' as const, 'all' as const),
  }),
  fc.record({ do: fc.constant('take' as const), key: anybody, which: fc.constant('all' as const) }),
  fc.record({ do: fc.constant('plant' as const), key: anybody, which: fc.constantFrom(...RULES), style }),
  fc.record({
    do: fc.constant('claim' as const),
    key: fc.constantFrom<Key>('bob', 'stranger', 'kms'),
    file: fc.constantFrom('.env.enc', 'secrets/A.enc'),
    how: fc.constantFrom('entry' as const, 'comment' as const),
  }),
)

const others = fc.subarray<Key>(['bob', 'carol', 'ssh', 'plugin', 'pgp'])
const rulesArbitrary: fc.Arbitrary<Omit<Rules, 'patterns'>> = fc
  .tuple(others, others, others, fc.boolean(), fc.nat(3))
  .map(([env, secrets, other, shared, groups]) => {
    const one = (keys: readonly Key[]): Groups =>
      groups === 0
        ? [
            ['me', ...keys.slice(0, 1)],
            ['me', ...keys.slice(1)],
          ]
        : [['me', ...keys]]
    return { env: one(env), secrets: one(shared ? env : secrets), other: [['me', ...other]], own: {}, shared }
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
    ['plugin', plugin.recipient],
    ['pgp', `pgp:${pgp.fingerprint}`],
    ['kms', KMS],
    ['stranger', people.stranger.recipient],
  ])
  readonly #tried = new Map<string, boolean>()
  /** How the .sops.yaml was written last. */
  style: number
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
    this.style = how
    this.world = { rules, accepted: rules, files: new Map() }
  }

  path(file: string): string {
    return join(this.root, file)
  }

  context(input = ''): HostContext {
    const variables = new Map([
      ['PATH', PATH],
      ['HOME', this.home],
      ['GNUPGHOME', pgp.open],
      ['AWS_EC2_METADATA_DISABLED', 'true'],
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

  /** Whether stock sops opens a file with these keys alone. */
  async tries(keys: readonly Key[], file: string): Promise<boolean> {
    const bytes = readFileSync(this.path(file), 'latin1')
    const identities = keys.map((key) => this.#identity(key)).filter((text) => text !== undefined)
    const id = [bytes, ...keys, ...identities].join('\0')
    const tried = this.#tried.get(id)
    if (tried !== undefined) return tried
    const type = file === '.env.enc' ? 'dotenv' : 'json'
    const env = {
      PATH,
      HOME: '/nonexistent',
      AWS_EC2_METADATA_DISABLED: 'true',
      ...(identities.length > 0 && { SOPS_AGE_KEY: identities.join('\n') }),
      ...(keys.includes('ssh') && { SOPS_AGE_SSH_PRIVATE_KEY_FILE: join(sshDirectory, 'key') }),
      ...(keys.includes('pgp') ? { GNUPGHOME: pgp.secret } : { SOPS_GPG_EXEC: 'false' }),
    }
    const words = ['decrypt', '--input-type', type, '--output-type', type, this.path(file)]
    const opened = await new Promise<boolean>((resolve) => {
      execFile(SOPS, words, { env, cwd: '/' }, (error) => resolve(error === null))
    })
    this.#tried.set(id, opened)
    return opened
  }

  /** The age identity that `key` is; undefined for a key of another kind. */
  #identity(key: Key): string | undefined {
    switch (key) {
      case 'me':
        return readFileSync(this.keyFile, 'utf8')
      case 'agents':
      case 'web':
        return readFileSync(this.serviceKey(key), 'utf8')
      case 'plugin':
        return plugin.identity
      case 'bob':
      case 'carol':
      case 'stranger':
        return people[key].text
      default:
        return undefined
    }
  }

  serviceKey(service: string): string {
    return this.context().project.serviceKeyFile(service) ?? ''
  }
}

/** `.env` to `.env.enc`, for those of its rule. */
async function doMigrate(stage: Stage): Promise<void> {
  const { world } = stage
  const { rules, files } = world
  const can = !files.has('.env.enc') && isAccepted(world, '.env.enc') && isWritable(rules.env)
  const had = files.has('.env.enc')
  const did = await stage.does(migrate, [])
  if (!had) expect(did, stage.said).toBe(can)
  if (can) stage.set('.env.enc', { labels: rules.env, holders: rules.env })
  return
}

/** A secret, new or in the place of another. */
async function doAdd(stage: Stage, name: string): Promise<void> {
  const { world } = stage
  const { rules, files } = world
  const file = `secrets/${name}.enc`
  const old = files.get(file)
  const rule = ruleFor(rules, file)
  const made = old === undefined ? { labels: rule, holders: rule } : rewritten(old, rule)
  const can = isAccepted(world, file) && isWritable(made.labels)
  expect(await stage.does(add, [name], ['force'], 'value1'), stage.said).toBe(can)
  if (can) stage.set(file, made)
  return
}

/** A number in a secret file that the operator encrypts with stock sops, which knows nothing of accepted rules. */
function doStock(stage: Stage, name: string): void {
  const { rules } = stage.world
  const file = `secrets/${name}.enc`
  const words = ['encrypt', '--filename-override', stage.path(file), '--input-type', 'json']
  const env = { PATH, HOME: stage.home, GNUPGHOME: pgp.open, AWS_EC2_METADATA_DISABLED: 'true' }
  const ran = spawnSync(SOPS, [...words, '--output-type', 'json'], {
    env,
    cwd: stage.root,
    input: JSON.stringify({ [name]: 1 }),
  })
  const rule = ruleFor(rules, file)
  expect(ran.status === 0, ran.stderr.toString()).toBe(isWritable(rule))
  if (ran.status !== 0) return
  writeFileSync(stage.path(file), ran.stdout)
  stage.set(file, { labels: rule, holders: rule })
}

/** A file in the editor, which keeps who can open it. */
async function doEdit(stage: Stage, file: string): Promise<void> {
  const { world } = stage
  const { rules, files } = world
  const old = files.get(file)
  const made = old && rewritten(old, ruleFor(rules, file))
  const accepted = isAccepted(world, file)
  const can = made !== undefined && accepted && isWritable(made.labels)
  expect(await stage.does(edit, [/^secrets\/(.*)\.enc$/.exec(file)?.[1] ?? file]), stage.said).toBe(can)
  if (can) stage.set(file, made)
  return
}

/** `recipients add`. */
async function doGive(stage: Stage, step: Step & { readonly do: 'give' | 'take' }): Promise<void> {
  const { world } = stage
  const { rules, files } = world
  const which = step.which === 'all' ? RULES : [step.which]
  const grouped = rules.env.length > 1
  const made = withKey(rules, which, step.key)
  const chosen = chosenOf(rules, which)
  const lacking = [...files].filter(
    ([file, { labels }]) =>
      (rules.own[file] === undefined ? chosen.includes(generalFor(file)) : which.includes('secrets')) &&
      ruleFor(made, file).flat().includes(step.key) &&
      !labels.flat().includes(step.key),
  )
  const named = JSON.stringify(made) === JSON.stringify(rules)
  const accepted = isAllAccepted(world, (one) =>
    // Of several groups the operator has to say which: where somebody else put the key is a claim.
    (one === 'own' ? which.includes('secrets') : chosen.includes(one) && rules[one].length === 1)
      ? [step.key]
      : [],
  )
  const remade = lacking.map(
    ([file, old]) => [file, rewritten(old, ruleFor(made, file), [step.key])] as const,
  )
  const did = await stage.does(
    recipientsAdd,
    [stage.recipients.get(step.key) ?? ''],
    step.which === 'all' ? [] : [step.which],
  )
  const joins = grouped && which.some((one) => !rules[one].flat().includes(step.key) && one !== 'other')
  const writable = remade.every(([, { labels }]) => isWritable(labels))
  const can = accepted && !joins && !(named && lacking.length === 0) && writable
  expect(did, stage.said).toBe(can)
  if (accepted && named && writable) stage.world = { ...stage.world, accepted: rules }
  if (!can) return
  stage.world = { ...stage.world, rules: made, accepted: made }
  for (const [file, now] of remade) stage.set(file, now)
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
  const remade = known.map(([file, old]) => [file, rewritten(old, ruleFor(left, file))] as const)
  const writable = remade.every(([, { labels }]) => isWritable(labels))
  const can = made !== undefined && changes && isAllAccepted({ ...world, rules: left }) && writable
  // A fingerprint or an ARN without its kind will do.
  const word = (stage.recipients.get(step.key) ?? '').replace(/^(?:pgp|kms):/, '')
  expect(await stage.does(recipientsRm, [word]), stage.said).toBe(can)
  if (!can) return
  stage.world = { ...stage.world, rules: left, accepted: left }
  for (const [file, now] of remade) stage.set(file, now)
  return
}

/** `secrets grant`: a service gets one secret and no other. */
async function doGrant(stage: Stage, name: string): Promise<void> {
  const { world } = stage
  const { rules, files } = world
  const file = `secrets/${name}.enc`
  const old = files.get(file)
  const granted = rules.own[file]?.flat().includes('web') === true
  const accepted = isAllAccepted(world, (one) => (one === 'own' && rules.own[file] ? ['web'] : []))
  const can = old !== undefined && accepted && (granted || ruleFor(rules, file).length === 1)
  expect(await stage.does(grant, ['web', name]), stage.said).toBe(can)
  const [recipient] = (await recipientsOfFile(stage.serviceKey('web'))) ?? []
  if (recipient !== undefined) stage.recipients.set('web', recipient)
  if (!can) return
  const made = withGrant(rules, file)
  stage.world = { ...stage.world, rules: made, accepted: made }
  const given = (groups: Groups): Groups => groups.map((keys) => [...keys, 'web'])
  if (!old.labels.flat().includes('web'))
    stage.set(file, { labels: given(old.labels), holders: given(old.holders) })
}

/** `secrets revoke`. */
async function doRevoke(stage: Stage, name: string): Promise<void> {
  const { world } = stage
  const { rules, files } = world
  const file = `secrets/${name}.enc`
  const old = files.get(file)
  const has = old?.labels.flat().includes('web') === true
  const made = withoutGrant(rules, file)
  const now = old !== undefined && has ? rewritten(old, ruleFor(made, file)) : undefined
  const known = has || made !== rules
  const can = known && isAllAccepted({ ...world, rules: made }) && isWritable(now?.labels ?? [])
  expect(await stage.does(revoke, ['web', name]), stage.said).toBe(can)
  if (!can) return
  stage.world = { ...stage.world, rules: made, accepted: made }
  if (now !== undefined) stage.set(file, now)
}

/** `rotate-key`; afterwards the old key is put away, as a person does. */
async function doRotate(stage: Stage): Promise<void> {
  const { world } = stage
  const { rules, files } = world
  const remade = [...files].map(([file, old]) => [file, rewritten(old, ruleFor(rules, file))] as const)
  const can = isAllAccepted(world) && remade.every(([, { labels }]) => isWritable(labels))
  const before = readFileSync(stage.keyFile, 'utf8')
  expect(await stage.does(rotateKey, []), stage.said).toBe(can)
  if (!can) {
    expect(readFileSync(stage.keyFile, 'utf8')).toBe(before)
    return
  }
  stage.recipients.set('me', (await recipientsOfFile(stage.keyFile))?.[0] ?? '')
  writeFileSync(stage.keyFile, readFileSync(stage.keyFile, 'utf8').split('# replaced')[0] ?? '')
  stage.world = { ...stage.world, accepted: rules }
  for (const [file, now] of remade) stage.set(file, now)
  return
}

/** A pull request that changes .sops.yaml. */
function plant(stage: Stage, step: Step & { readonly do: 'plant' }): void {
  if (step.key === 'kms' && step.which === 'other') return
  // The rules that single files have are not written here.
  if (Object.keys(stage.world.rules.own).length > 0) return
  stage.style = step.style
  const rules = styled(withKey(stage.world.rules, [step.which], step.key), step.style)
  stage.world = { ...stage.world, rules }
  writeFileSync(stage.path('.sops.yaml'), rulesText(rules, stage.recipients, step.style))
}

async function doAccept(stage: Stage): Promise<void> {
  expect(await stage.does(recipientsAccept, []), stage.said).toBe(true)
  stage.world = { ...stage.world, accepted: stage.world.rules }
}

/** A file with another name among those whom it is for: with a copy of a wrapped data key, or in a comment alone. */
function claimedDotenv(text: string, recipient: string, how: 'entry' | 'comment'): string {
  if (how === 'comment') return `# contact ${recipient}\n${text}`
  const next = text.match(/^sops_age__list_\d+__map_enc=/gm)?.length ?? 0
  const enc = /^sops_age__list_0__map_enc=(.*)$/m.exec(text)?.[1] ?? ''
  return `${text}sops_age__list_${next}__map_enc=${enc}\nsops_age__list_${next}__map_recipient=${recipient}\n`
}

function claimedJson(text: string, recipient: string): string {
  const parsed = JSON.parse(text) as { sops: { age: Array<{ enc: string; recipient: string }> } }
  parsed.sops.age.push({ enc: parsed.sops.age[0]?.enc ?? '', recipient })
  return JSON.stringify(parsed, undefined, '\t')
}

/** A file with a key of a KMS that does not have its data key. */
function claimedKms(text: string, isDotenv: boolean): string {
  const entry = { arn: KMS.slice('kms:'.length), created_at: '2026-11-25T00:00:00Z', enc: 'AQ==' }
  if (!isDotenv) return text.replace(/"sops": ?\{/, (found) => `${found}"kms": [${JSON.stringify(entry)}],`)
  const lines = Object.entries(entry).map(([name, value]) => `sops_kms__list_0__map_${name}=${value}\n`)
  return `${text}${lines.join('')}`
}

/** What nobody who can write files needs a key for. */
function claim(stage: Stage, { key, file, how }: Step & { readonly do: 'claim' }): void {
  const old = stage.world.files.get(file)
  const recipient = stage.recipients.get(key) ?? ''
  if (old === undefined || old.labels.length > 1 || old.labels.flat().includes(key)) return
  const isDotenv = file === '.env.enc'
  if (how === 'comment' && !isDotenv) return
  const text = readFileSync(stage.path(file), 'utf8')
  const said = isDotenv ? claimedDotenv(text, recipient, how) : claimedJson(text, recipient)
  writeFileSync(stage.path(file), key === 'kms' && how === 'entry' ? claimedKms(text, isDotenv) : said)
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
  const can = has || (isAccepted(world, '.env.enc') && (named || rules.env.length === 1))
  expect(did, stage.said).toBe(can)
  if (!can || (has && named)) return
  if (has && !isAccepted(world, '.env.enc')) return
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
      return doAdd(stage, step.name)
    case 'stock':
      return doStock(stage, step.name)
    case 'grant':
      return doGrant(stage, step.name)
    case 'revoke':
      return doRevoke(stage, step.name)
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

/** The rule for other files has its keys of services as they were, and its people. */
function checkOther(stage: Stage): void {
  const parsed = parse(readFileSync(stage.path('.sops.yaml'), 'utf8'), { merge: true })
  const found = parsed.creation_rules.find(
    (rule: { path_regex?: string }) => rule.path_regex === OTHER_PATTERN,
  )
  const [group = found] = found.key_groups ?? []
  expect(group).toMatchObject(foreignKeys(stage.style))
  const list = (keys: unknown) =>
    Array.isArray(keys)
      ? keys
      : String(keys ?? '')
          .split(',')
          .filter((key) => key !== '')
  const names = [...list(group.age), ...list(group.pgp).map((key) => `pgp:${key}`)]
  const wanted = stage.world.rules.other.flat().map((key) => stage.recipients.get(key) ?? '')
  expect(sorted(names.map(bareKey)), 'the rule for other files').toEqual(sorted(wanted.map(bareKey)))
}

/** Each key on each file, and what list, recipients list and doctor say. */
async function check(stage: Stage): Promise<void> {
  const { files, rules } = stage.world
  for (const [file, made] of files) {
    const keys = [...stage.recipients.keys()].filter((key) => key !== 'kms')
    const able = keys.filter((key) => opens(made, key))
    const unable = keys.filter((key) => !able.includes(key))
    // Those who must not open it, all at once where no two of them could do so together.
    const tries = made.holders.length === 1 ? [unable] : unable.map((key) => [key])
    for (const some of tries)
      expect(await stage.tries(some, file), `${file} by ${some.join()}\n${stage.said}`).toBe(false)
    for (const key of able)
      expect(await stage.tries([key], file), `${file} by ${key}\n${stage.said}`).toBe(true)
  }
  checkOther(stage)
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
  timeout: 4 * 3_600_000,
}, async () => {
  let sequences = 0
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
        sequences += 1
        if (deep && sequences % 10 === 0) console.log(`${sequences} sequences`)
      } finally {
        if (existsSync(stage.base)) rmSync(stage.base, { recursive: true, force: true })
      }
    },
  )
  await fc.assert(property, { numRuns: deep ? 1000 : 12, seed, endOnFailure: !deep })
})
