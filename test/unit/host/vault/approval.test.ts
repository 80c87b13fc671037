import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { checkApproval, checkExpiry, commandFor } from '../../../../src/host/vault/approval.ts'
import { readProposal } from '../../../../src/host/vault/proposal.ts'
import { Vault } from './vault.ts'

const FILE = 'vault/approved/p.json'
const SIGNATURE = `${FILE}.sig`

const read = (vault: Vault, id = 'p') => readProposal(vault.root, id, new Set())
const check = async (vault: Vault, id = 'p') => checkApproval(vault.context, read(vault, id))
const bySsh = (vault: Vault, words: readonly string[], input?: Buffer) =>
  spawnSync('ssh-keygen', ['-Y', ...words], { cwd: vault.root, input, encoding: 'utf8' })

const VERIFY = ['verify', '-n', 'disinto-approval', '-I', 'me@example.org', '-s', SIGNATURE]
const verified = (vault: Vault) =>
  bySsh(vault, [...VERIFY, '-f', vault.signers], vault.read(FILE)).status === 0

test('what was approved is approved, and stock ssh-keygen says so, too', async () => {
  const vault = new Vault()
  await vault.approve('p', { lasts: 3_600_000, command: ['./publish.sh', '--fast', "it's"] })
  expect(await check(vault)).toEqual({ by: 'me@example.org' })
  expect(verified(vault)).toBe(true)
  const { terms } = read(vault)
  expect(terms).toMatchObject({ id: 'p', command: ['./publish.sh', '--fast', "it's"] })
  expect(Date.parse(terms?.expires ?? '')).toBeGreaterThan(Date.now())
  expect(vault.warnings).toEqual([])
})

test('what stock ssh-keygen has signed is approved, and what it was not asked for is not', async () => {
  const vault = new Vault()
  const sign = (namespace: string, key = vault.key) => {
    rmSync(join(vault.root, SIGNATURE), { force: true })
    execFileSync('ssh-keygen', ['-q', '-Y', 'sign', '-n', namespace, '-f', key, FILE], { cwd: vault.root })
  }
  sign('disinto-approval')
  expect(await check(vault)).toEqual({ by: 'me@example.org' })
  sign('git')
  await expect(check(vault)).rejects.toMatchObject({ code: 'approval-wrong' })
  sign('disinto-approval', vault.makeKey('somebody'))
  await expect(check(vault)).rejects.toMatchObject({ code: 'approval-wrong' })
  rmSync(join(vault.root, SIGNATURE))
  await expect(check(vault)).rejects.toMatchObject({ code: 'approval-missing' })
})

test('an approval is for its own ID, whatever it is copied to', async () => {
  const vault = new Vault()
  await vault.approve()
  vault.write('vault/approved/q.json', vault.read(FILE))
  vault.write('vault/approved/q.json.sig', vault.read(SIGNATURE))
  await expect(check(vault, 'q')).rejects.toMatchObject({ code: 'proposal-wrong' })
})

test('an approval ends when it says so', async () => {
  const vault = new Vault()
  await vault.approve('p', { lasts: 60_000 })
  const proposal = read(vault)
  expect(() => checkExpiry(proposal, Date.now() + 59_000)).not.toThrow()
  expect(() => checkExpiry(proposal, Date.now() + 61_000)).toThrow(/has expired/)
  const past = { ...proposal, terms: { id: 'p', expires: '2020-13-45T99:00:00Z' } }
  expect(() => checkExpiry(past)).toThrow(/has expired/)
})

test('the approved command is run, and no other', async () => {
  const vault = new Vault()
  const open = read(vault)
  expect(commandFor(open, ['a', 'b'], undefined)).toEqual(['a', 'b'])
  expect(commandFor(open, [], undefined)).toEqual([])
  await vault.approve('p', { command: ['a', 'b c'] })
  const bound = read(vault)
  expect(commandFor(bound, [], 'me')).toEqual(['a', 'b c'])
  expect(commandFor(bound, ['a', 'b c'], 'me')).toEqual(['a', 'b c'])
  for (const other of [['a'], ['a', 'b', 'c'], ['a', 'b c', ''], ['A', 'b c']])
    expect(() => commandFor(bound, other, 'me')).toThrow(/a different command/)
})

test('a command that nobody has signed is run for whoever gives it, and for nobody else', async () => {
  const vault = new Vault()
  await vault.approve('p', { command: ['a', 'b c'] })
  const named = read(vault)
  expect(commandFor(named, ['a', 'b c'], undefined)).toEqual(['a', 'b c'])
  for (const other of [[], ['a'], ['other']])
    expect(() => commandFor(named, other, undefined)).toThrow(/nobody has signed it/)
})

test('without a file of those who may approve nothing is checked, and approve says so', async () => {
  const vault = new Vault()
  rmSync(vault.signers)
  expect(await check(vault)).toEqual({ by: undefined })
  await vault.approve()
  expect(vault.warnings.map(({ code }) => code)).toEqual(['approval-unneeded'])
})

test('who may approve for a project of this name elsewhere is not forgotten here', async () => {
  const vault = new Vault()
  const elsewhere = join(vault.home, '.config/sops/age/project-0123abcd/allowed_signers')
  mkdirSync(dirname(elsewhere))
  renameSync(vault.signers, elsewhere)
  await expect(check(vault)).rejects.toThrow(/project of this name in another directory/)
  renameSync(elsewhere, join(vault.home, '.config/sops/age/another_signers'))
  expect(await check(vault)).toEqual({ by: undefined })
})

test('a file of those who may approve that is empty, everybody’s or named in vain lets nobody through', async () => {
  const vault = new Vault()
  await vault.approve()
  chmodSync(vault.signers, 0o666)
  await expect(check(vault)).rejects.toMatchObject({ code: 'signers-unusable' })
  chmodSync(vault.signers, 0o644)
  writeFileSync(vault.signers, '')
  await expect(check(vault)).rejects.toMatchObject({ code: 'approval-wrong' })
  await expect(checkApproval(vault.context, read(vault), join(vault.base, 'none'))).rejects.toMatchObject({
    code: 'signers-unusable',
  })
})

test('what ssh-keygen keeps of a line counts: other namespaces, times that are over, several names', async () => {
  const vault = new Vault()
  await vault.approve()
  writeFileSync(vault.signers, '')
  vault.allow('me@example.org', 'me', 'namespaces="git" ')
  await expect(check(vault)).rejects.toMatchObject({ code: 'approval-wrong' })
  writeFileSync(vault.signers, '')
  vault.allow('me@example.org', 'me', 'valid-before="20200101" ')
  await expect(check(vault)).rejects.toMatchObject({ code: 'approval-wrong' })
  writeFileSync(vault.signers, '')
  vault.allow('me@example.org,also@example.org', 'me', 'namespaces="git,disinto-approval" ')
  expect(await check(vault)).toEqual({ by: 'me@example.org' })
})

test('a key that may not approve is told when it signs', async () => {
  const vault = new Vault()
  await vault.approve('p', { signingKey: vault.makeKey('other') })
  expect(vault.warnings.map(({ code }) => code)).toEqual(['approval-unlisted'])
})

test.each(['rsa', 'ecdsa'])('a key of type %s signs, too', async (type) => {
  const vault = new Vault()
  const key = vault.makeKey(type, type)
  vault.allow('other@example.org', type)
  await vault.approve('p', { signingKey: key })
  expect(await check(vault)).toEqual({ by: 'other@example.org' })
})

test('a key in an agent signs by its public half, which may stand in git’s configuration', async () => {
  const vault = new Vault()
  const socket = join(vault.base, 'agent')
  const started = execFileSync('ssh-agent', ['-a', socket, '-s'], { encoding: 'utf8' })
  const pid = Number(/SSH_AGENT_PID=(\d+)/.exec(started)?.[1])
  onTestFinished(() => {
    process.kill(pid)
  })
  const env = { ...process.env, SSH_AUTH_SOCK: socket }
  execFileSync('ssh-add', ['-q', vault.key], { env })
  rmSync(vault.key)
  const context = {
    ...vault.context,
    variables: new Map([...vault.context.variables, ['SSH_AUTH_SOCK', socket]]),
  }
  Object.assign(vault, { context })
  await vault.approve('p', { signingKey: `${vault.key}.pub` })
  expect(await check(vault)).toEqual({ by: 'me@example.org' })
  const text = execFileSync('cat', [`${vault.key}.pub`], { encoding: 'utf8' }).trim()
  for (const configured of [`key::${text}`, text, `${vault.key}.pub`]) {
    execFileSync('git', ['config', '--file', join(vault.home, '.gitconfig'), 'user.signingkey', configured])
    rmSync(join(vault.root, SIGNATURE))
    await vault.approve('p', { signingKey: undefined })
    expect(await check(vault)).toEqual({ by: 'me@example.org' })
  }
})

test('a key that only the repository’s configuration names is not used', async () => {
  const vault = new Vault()
  execFileSync('git', ['init', '-q', vault.root])
  execFileSync('git', ['config', 'user.signingkey', vault.key], { cwd: vault.root })
  await expect(vault.approve('p', { signingKey: undefined })).rejects.toMatchObject({
    code: 'signing-key-missing',
  })
  expect(existsSync(join(vault.root, SIGNATURE))).toBe(false)
})

test('a key that does not sign leaves everything as it is', async () => {
  const vault = new Vault()
  const before = vault.read(FILE)
  const key = join(vault.base, 'no-key')
  writeFileSync(key, 'no key', { mode: 0o600 })
  await expect(vault.approve('p', { signingKey: key })).rejects.toMatchObject({ code: 'signing-failed' })
  expect(vault.read(FILE)).toEqual(before)
  expect(existsSync(join(vault.root, SIGNATURE))).toBe(false)
})

test('approved again, the new terms stand in place of the old, and the rest stays byte for byte', async () => {
  const vault = new Vault()
  const odd =
    '{\n  "type": "x", "source":"y",\n\t"payload": {"n": 1.0, "big": 12345678901234567890},\n"secrets": ["TOKEN"]}'
  vault.write(FILE, odd)
  await vault.approve('p', { lasts: 1000 })
  await vault.approve('p', { command: ['a'] })
  expect(vault.read(FILE).toString()).toBe(
    `${odd.slice(0, -1)},\n  "approval": {"id":"p","command":["a"]}\n}\n`,
  )
  expect(await check(vault)).toEqual({ by: 'me@example.org' })
})

test('an approval that somebody else has put into the proposal is not taken over', async () => {
  const vault = new Vault()
  const text = JSON.stringify({
    type: 'x',
    source: 'y',
    payload: 1,
    approval: { id: 'p' },
    secrets: ['TOKEN'],
  })
  vault.write(FILE, text)
  await expect(vault.approve()).rejects.toMatchObject({ code: 'approval-foreign' })
})

test('TOML of older installations is approved, too', async () => {
  const vault = new Vault()
  const toml =
    'id = "release"\nformula = "publish"\ncontext = "a new version"\nsecrets = ["TOKEN"]\ntimeout_minutes = 5\n'
  vault.write('vault/actions/release.toml', toml)
  await vault.approve('release', { lasts: 60_000, command: ['a', 'quote " and \\'] })
  await vault.approve('release', { lasts: 60_000, command: ['a', 'quote " and \\'] })
  expect(await check(vault, 'release')).toEqual({ by: 'me@example.org' })
  const proposal = read(vault, 'release')
  expect(proposal).toMatchObject({ type: 'publish', minutes: 5, secrets: ['TOKEN'] })
  expect(proposal.terms?.command).toEqual(['a', 'quote " and \\'])
  expect(vault.read('vault/actions/release.toml').toString().startsWith(`${toml}\n[approval]\n`)).toBe(true)
})
