import { symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { claim } from '../../../../src/host/vault/claim.ts'
import { readProposal } from '../../../../src/host/vault/proposal.ts'
import { checkPresent, letFor, prepareRun, type Request } from '../../../../src/host/vault/request.ts'
import { sealJson } from '../../../../src/sops/seal.ts'
import { MARK, Place } from '../../../helpers/place.ts'
import { PROPOSAL } from './vault.ts'

const REQUEST: Request = {
  id: 'p',
  command: [],
  allow: new Set(),
  allowMounts: [],
  signers: undefined,
  dryRun: false,
  once: false,
}

/** A project with a proposal and its secret; no docker is at hand. */
async function asked(proposal: object = PROPOSAL): Promise<Place> {
  const place = new Place().withKey()
  place.write('vault/approved/p.json', JSON.stringify(proposal))
  await place.secret('TOKEN')
  return place
}

/** How far a run comes that has no compose file: this is what is missing when all else is there. */
const LAST = { code: 'compose-file-missing' }

const prepared = (place: Place, more: Partial<Request> = {}) =>
  prepareRun(place.context(), { ...REQUEST, ...more })

describe('a run is made ready', () => {
  test('with its proposal, its secrets and what the compose file says, in this order', async () => {
    const place = new Place().withKey()
    await expect(prepared(place)).rejects.toMatchObject({ code: 'proposal-missing' })
    place.write('vault/approved/p.json', JSON.stringify(PROPOSAL))
    await place.secret('TOKENS')
    await expect(prepared(place)).rejects.toMatchObject({
      code: 'proposal-secret-missing',
      message: 'vault/approved/p.json: asks for secrets that are not in secrets/: TOKEN',
      hint: expect.stringContaining('TOKENS'),
    })
    await place.secret('TOKEN')
    await expect(prepared(place)).rejects.toMatchObject(LAST)
    expect(place.said.at(-1)).toBe('warning: vault/approved/p.json: runs without a signed approval')
  })

  test('with secrets from files of their own alone, each with something in it', async () => {
    const place = new Place().withKey()
    place.write('vault/approved/p.json', JSON.stringify(PROPOSAL))
    await place.envFile(`TOKEN=${MARK}\n`)
    await expect(prepared(place)).rejects.toMatchObject({ code: 'proposal-secret-missing' })
    place.write('secrets/TOKEN.enc', await sealJson([['TOKEN', '']], [place.key.recipient]))
    await expect(prepared(place)).rejects.toMatchObject({
      code: 'require-unmet',
      message: expect.stringContaining('TOKEN'),
    })
    place.write('secrets/TOKEN.enc', await sealJson([['TOKEN', 'x']], [new Place().key.recipient]))
    await expect(prepared(place)).rejects.toMatchObject({ code: 'key-wrong' })
  })

  test('with names that are refused only where they are let through', async () => {
    const place = await asked({ ...PROPOSAL, secrets: ['PATH'] })
    await place.secret('PATH')
    await expect(prepared(place)).rejects.toMatchObject({ code: 'name-refused' })
    await expect(prepared(place, { allow: new Set(['', 'PATH']) })).rejects.toMatchObject(LAST)
  })

  test('once, where somebody approved it, or where it is to be once', async () => {
    const place = await asked()
    const context = place.context()
    claim(context.project, readProposal(place.root, 'p', new Set()), 'run-1')
    await expect(prepared(place)).rejects.toMatchObject(LAST)
    await expect(prepared(place, { once: true })).rejects.toMatchObject({
      code: 'approval-used',
      message: expect.stringMatching(/^vault\/approved\/p\.json: has already run \(.*20\d\d-/),
    })
  })

  test('with the approved command and no other', async () => {
    const place = await asked({ ...PROPOSAL, approval: { id: 'p', command: ['a'] } })
    await expect(prepared(place, { command: ['b'] })).rejects.toMatchObject({
      code: 'approval-command-unsigned',
    })
    await expect(prepared(place, { command: ['a'] })).rejects.toMatchObject(LAST)
  })

  test('only where those who may approve are not named in vain', async () => {
    const place = await asked()
    await expect(prepared(place, { signers: '/nowhere' })).rejects.toMatchObject({ code: 'signers-unusable' })
    expect(place.said).toEqual([])
  })
})

test('a secret that is not there is told with the one that was meant', async () => {
  const place = await asked({ ...PROPOSAL, secrets: ['TOKEN', 'CLAWHUB_TOKN', 'B'] })
  const proposal = readProposal(place.root, 'p', new Set())
  const check = (...have: string[]) => checkPresent(proposal, new Set(have), () => ['CLAWHUB_TOKEN'])
  expect(() => check('TOKEN', 'CLAWHUB_TOKN', 'B')).not.toThrow()
  expect(() => check('TOKEN')).toThrow(
    expect.objectContaining({
      code: 'proposal-secret-missing',
      message: 'vault/approved/p.json: asks for secrets that are not in secrets/: CLAWHUB_TOKN, B',
      hint: expect.stringContaining('CLAWHUB_TOKEN'),
    }),
  )
})

describe('a run is let have', () => {
  const letOf = (place: Place, variables: Readonly<Record<string, string>> = {}) =>
    letFor(place.context(variables), { allow: new Set(['X']), allowMounts: ['a'] })

  test('the mounts that were named for it and that are named for all, and the names', async () => {
    const place = new Place()
    expect(await letOf(place)).toEqual({ mounts: ['a'], names: new Set(['X']), secrets: new Set() })
    expect((await letOf(place, { DISINTO_ALLOW_MOUNT: 'b,,c' })).mounts).toEqual(['a', 'b', 'c'])
  })

  test('no value by a name that a file has: encrypted, or a plaintext .env', async () => {
    const place = new Place()
    await place.secret('A')
    place.write('.env', 'P=1\n')
    expect((await letOf(place)).secrets).toEqual(new Set(['A', 'P']))
    await place.envFile('B=1\nC=2\n')
    expect((await letOf(place)).secrets).toEqual(new Set(['A', 'P', 'B', 'C']))
    place.write('.env.enc', 'nonsense')
    expect((await letOf(place)).secrets).toEqual(new Set(['A', 'P']))
    place.write('.env.enc', await sealJson([['data', 'x']], [place.key.recipient]))
    expect((await letOf(place)).secrets).toEqual(new Set(['A', 'P']))
  })

  test.each([
    ['unix:///run/x.sock', '/run/x.sock'],
    ['unix://x.sock', undefined],
    ['unix:///', undefined],
    ['tcp://unix:///x', undefined],
    ['', undefined],
  ])('no socket of the engine, which is at %j', async (host, engine) => {
    expect((await letOf(new Place(), { DOCKER_HOST: host })).engine).toBe(engine)
  })
})

test('a secret behind a link is read as the shim reads it', async () => {
  const place = new Place().withKey()
  place.write('vault/approved/p.json', JSON.stringify(PROPOSAL))
  const path = await place.secret('OTHER', undefined, 'TOKEN')
  symlinkSync(path, join(dirname(path), 'TOKEN.enc'))
  await expect(prepared(place)).rejects.toMatchObject(LAST)
})
