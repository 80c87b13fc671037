import { writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { claim } from '../../../../src/host/vault/claim.ts'
import { readProposal } from '../../../../src/host/vault/proposal.ts'
import { openRecord } from '../../../../src/host/vault/record.ts'
import { standingOf, standings, wants } from '../../../../src/host/vault/standing.ts'
import { PROPOSAL, Vault } from './vault.ts'

const THROUGH = { allow: new Set<string>() }
const read = (vault: Vault, id = 'p') => readProposal(vault.root, id, THROUGH.allow)

describe('a proposal', () => {
  test('waits until it is approved as it stands, and is spent when it has run', async () => {
    const vault = new Vault()
    const stands = () => standingOf(vault.context, 'p', THROUGH)
    expect(await stands()).toMatchObject({ id: 'p', state: 'waits', proposal: { secrets: ['TOKEN'] } })
    await vault.approve()
    expect(await stands()).toEqual({
      id: 'p',
      state: 'valid',
      about: 'approved by me@example.org',
      proposal: read(vault),
    })
    const signed = vault.read('vault/approved/p.json')
    vault.write('vault/approved/p.json', `${signed.toString()} `)
    expect((await stands()).state).toBe('waits')
    vault.write('vault/approved/p.json', signed)
    claim(vault.context.project, read(vault), 'run-1')
    const spent = await stands()
    expect(spent).toMatchObject({ id: 'p', state: 'spent', proposal: read(vault) })
    expect(spent.about).toMatch(/^20\d\d-.*Z, with no record of it$/)
  })

  test.each([
    [{ event: 'start' }, 'killed, or still running: its outcome is unknown'],
    [{ event: 'end', exitCode: null }, 'did not start'],
    [{ event: 'end', exitCode: 3 }, 'ended with 3'],
  ])('that is spent, and of which the record says %j, has %s', async (run, outcome) => {
    const vault = new Vault()
    claim(vault.context.project, read(vault), 'run-1')
    const { about } = await standingOf(vault.context, 'p', THROUGH, new Map([['p', run]]))
    expect(about.split(', ').slice(1).join(', ')).toBe(outcome)
  })

  test('is unchecked where nobody says who may approve', async () => {
    const vault = new Vault()
    writeFileSync(vault.signers, '')
    const nobody = { ...vault.context, variables: new Map([...vault.context.variables]) }
    const elsewhere = { ...THROUGH, signers: `${vault.base}/none` }
    expect(await standingOf(nobody, 'p', elsewhere)).toMatchObject({ state: 'wrong' })
    const project = { ...nobody.project, serviceKeysDir: undefined }
    expect(await standingOf({ ...nobody, project }, 'p', THROUGH)).toEqual({
      id: 'p',
      state: 'unchecked',
      about: 'nobody has to approve it here',
      proposal: read(vault),
    })
  })

  test('is wrong when it can’t be read, and the others are told all the same', async () => {
    const vault = new Vault()
    vault.write('vault/approved/a.json', '{}')
    vault.write('vault/approved/path.json', JSON.stringify({ ...PROPOSAL, secrets: ['PATH'] }))
    const record = openRecord(vault.context.project)
    const startedAt = new Date()
    record.start({ id: 'p', run: 'r', secrets: [], proposal: '', approvedBy: undefined, startedAt })
    record.close()
    claim(vault.context.project, read(vault), 'r')
    const all = await standings(vault.context, THROUGH)
    expect(all.map(({ id, state }) => [id, state])).toEqual([
      ['a', 'wrong'],
      ['p', 'spent'],
      ['path', 'wrong'],
    ])
    expect(all[0]).toMatchObject({
      proposal: undefined,
      about: expect.stringContaining('a.json: "type" is missing'),
    })
    expect(all[1]?.about).toContain('its outcome is unknown')
    const through = { allow: new Set(['PATH']) }
    expect(await standingOf(vault.context, 'path', through)).toMatchObject({ state: 'waits' })
  })
})

test('what a proposal wants is told in a line', () => {
  const vault = new Vault()
  const proposal = read(vault)
  expect(wants(proposal)).toBe('TOKEN')
  const terms = { id: 'p', command: ['a', 'b c'], expires: '2026-11-26T12:00:00Z' }
  expect(wants({ ...proposal, secrets: ['A', 'B'], files: ['B'], minutes: 5, terms })).toBe(
    'A, B (as a file); command ["a","b c"]; until 2026-11-26T12:00:00Z; 5 minutes at most',
  )
})
