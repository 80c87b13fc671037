import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { generateKey } from '../../../../src/age/keygen.ts'
import { acceptRules, isAcceptedAsIs } from '../../../../src/host/access/accepted.ts'
import { keyAt } from '../../../../src/host/access/keys.ts'
import { type CreationRules, rulesOf } from '../../../../src/host/access/rules.ts'
import { ensureAccepted, unacceptedReaders } from '../../../../src/host/store/consent.ts'
import { person } from '../../../helpers/person.ts'
import { Place } from '../../../helpers/place.ts'

vi.mock('@inquirer/confirm', async () => (await import('../../../helpers/person.ts')).prompt)

const BOB = generateKey().recipient
const ENV = '^\\.env(\\.enc)?$'
const SECRETS = '^secrets/'

type Rule = readonly [pattern: string, ...age: string[]]

function rulesIn(place: Place, ...rules: readonly Rule[]): Promise<CreationRules> {
  const made = rules.map(([pattern, ...age]) => ({ path_regex: pattern, age }))
  place.write('.sops.yaml', JSON.stringify({ creation_rules: made }))
  return rulesOf(place.root)
}

/** A project in which rules were accepted that name us alone, and a secret A. */
async function accepted(place = new Place().withKey()): Promise<Place> {
  const me = place.key.recipient
  await acceptRules(place.context(), await rulesIn(place, [ENV, me], [SECRETS, me]))
  await place.secret('A')
  return place
}

test('rules that are seen for the first time are accepted, which is said', async () => {
  const place = new Place().withKey()
  const rules = await rulesIn(place, [ENV, BOB])
  await ensureAccepted(place.context(), rules, 'all')
  expect(place.said).toEqual([expect.stringContaining('accepted on first use')])
  expect(isAcceptedAsIs(place.context(), rules)).toBe(true)
  await ensureAccepted(place.context(), rules, 'all')
  expect(place.said).toHaveLength(1)
})

describe('rules that name somebody more', () => {
  const withBob = (place: Place) =>
    rulesIn(place, [ENV, place.key.recipient], [SECRETS, place.key.recipient, BOB])

  test('are refused for the files that they name them for, and for no other', async () => {
    const place = await accepted()
    const rules = await withBob(place)
    const { project } = place.context()
    await ensureAccepted(place.context(), rules, [project.envFile])
    await expect(ensureAccepted(place.context(), rules, [project.secretFile('A')])).rejects.toMatchObject({
      code: 'recipient-unaccepted',
      message: `${rules.path}: names ${BOB} for secrets/A.enc, which nobody has accepted on this machine`,
    })
    expect(isAcceptedAsIs(place.context(), rules)).toBe(false)
    expect(place.said).toEqual([])
  })

  test('are refused for all: those that are there, those that could be, and the rules themselves', async () => {
    const place = await accepted()
    const rules = await withBob(place)
    await expect(ensureAccepted(place.context(), rules, 'all')).rejects.toMatchObject({
      message: expect.stringContaining(`names ${BOB} for secrets/NAME.enc, secrets/A.enc, "rule 2", which`),
    })
    const found = await unacceptedReaders(place.context(), rules, 'all')
    expect(
      found.map(({ path, rule, recipients }) => [path.slice(place.root.length + 1), rule, recipients]),
    ).toEqual([
      ['secrets/NAME.enc', 1, [BOB]],
      ['secrets/A.enc', 1, [BOB]],
      ['rule 2', 1, [BOB]],
    ])
  })

  test('are not refused for whom a rule is just getting, and only for that rule', async () => {
    const place = await accepted()
    const rules = await withBob(place)
    await ensureAccepted(place.context(), rules, 'all', (rule) => (rule === 1 ? [BOB] : []))
    await expect(
      ensureAccepted(place.context(), rules, 'all', (rule) => (rule === 0 ? [BOB] : [])),
    ).rejects.toMatchObject({ code: 'recipient-unaccepted' })
  })

  test('need no asking for our own keys, and for that of the agents in .env.enc alone', async () => {
    const place = await accepted()
    const { project } = place.context()
    const keyOf = async (service: string) => (await keyAt(project.serviceKeyFile(service) ?? '')).recipient
    const [agents, web] = [await keyOf('agents'), await keyOf('web')]
    const me = place.key.recipient
    await acceptRules(place.context(), await rulesIn(place, [ENV, BOB], [SECRETS, BOB]))
    const refused = async (env: readonly string[], secrets: readonly string[], path: string) =>
      ensureAccepted(place.context(), await rulesIn(place, [ENV, BOB, ...env], [SECRETS, BOB, ...secrets]), [
        path,
      ]).then(
        () => undefined,
        ({ message }: Error) => /names \S+ for/.exec(message)?.[0],
      )
    expect(await refused([me, agents], [me], project.envFile)).toBeUndefined()
    expect(await refused([me, agents], [me], project.secretFile('A'))).toBeUndefined()
    // Another service has what it was granted.
    expect(await refused([web], [], project.envFile)).toBe(`names ${web} for`)
    expect(await refused([], [agents], project.secretFile('A'))).toBe(`names ${agents} for`)
  })

  test('are asked about at a terminal, whatever file it is for, and count all with a yes', async () => {
    const place = await accepted()
    const rules = await withBob(place)
    const context = { ...place.context(), interactive: true }
    person.answers = [false, true]
    await expect(ensureAccepted(context, rules, [])).rejects.toMatchObject({ code: 'recipient-unaccepted' })
    expect(isAcceptedAsIs(context, rules)).toBe(false)
    await ensureAccepted(context, rules, [])
    expect(isAcceptedAsIs(context, rules)).toBe(true)
    expect(person.asked).toEqual(['Accept these rules? false', 'Accept these rules? false'])
    expect(place.said).toEqual(
      ['', ''].map(
        () =>
          `warning: ${rules.path}: names ${BOB} for secrets/NAME.enc, secrets/A.enc, "rule 2", which nobody has accepted on this machine`,
      ),
    )
  })
})

test('rules that need fewer keys together are refused, though they name nobody new', async () => {
  const place = new Place().withKey()
  const config = (threshold: number) => ({
    creation_rules: [
      { key_groups: [{ age: [place.key.recipient] }, { age: [BOB] }], shamir_threshold: threshold },
    ],
  })
  place.write('.sops.yaml', JSON.stringify(config(2)))
  await acceptRules(place.context(), await rulesOf(place.root))
  place.write('.sops.yaml', JSON.stringify(config(1)))
  const rules = await rulesOf(place.root)
  await expect(
    ensureAccepted(place.context(), rules, [place.context().project.envFile]),
  ).rejects.toMatchObject({
    code: 'rule-loosened',
    message: `${join(place.root, '.sops.yaml')}: needs fewer keys together for .env.enc than was accepted on this machine`,
  })
})

test('rules that name fewer, and rules that only read otherwise, are fine', async () => {
  const place = await accepted()
  await acceptRules(place.context(), await rulesIn(place, [ENV, BOB, place.key.recipient], [SECRETS, BOB]))
  await ensureAccepted(place.context(), await rulesIn(place, [ENV, BOB], [SECRETS, BOB]), 'all')
  expect(place.said).toEqual([])
})
