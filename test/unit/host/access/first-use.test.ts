import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { isAcceptedAsIs } from '../../../../src/host/access/accepted.ts'
import { ensureRules, makeRules, operatorRecipient } from '../../../../src/host/access/first-use.ts'
import { recipientsOfFile } from '../../../../src/host/access/keys.ts'
import { refuseKeyBySudo, sudoUser } from '../../../../src/host/access/sudo.ts'
import { Place } from '../../../helpers/place.ts'

afterEach(() => void vi.restoreAllMocks())

const rulesFile = (place: Place) => readFileSync(join(place.root, '.sops.yaml'), 'utf8')

describe('the operator’s recipient', () => {
  test('is that of the first key at hand', async () => {
    const place = new Place().withKey()
    expect(await operatorRecipient(place.context())).toEqual({ recipient: place.key.recipient, made: false })
    expect(place.said).toEqual([])
  })

  test('is that of a new key where there is none, which is to be backed up', async () => {
    const place = new Place()
    const { recipient, made } = await operatorRecipient(place.context())
    const path = join(place.home, '.config/sops/age/keys.txt')
    expect(made).toBe(true)
    expect(await recipientsOfFile(path)).toEqual([recipient])
    expect(place.said).toEqual([
      `note: made the operator key ${path}: back this file up now, as nothing opens without it`,
      'note: test the backup with: disinto secrets verify --key BACKUP',
    ])
    expect(await operatorRecipient(place.context())).toEqual({ recipient, made: false })
    expect(place.said).toHaveLength(2)
  })

  test('can be of a post-quantum key', async () => {
    expect((await operatorRecipient(new Place().context(), { postQuantum: true })).recipient).toMatch(
      /^age1pq1/,
    )
  })

  test('is no new one where a key is at hand that only another program can use', async () => {
    const place = new Place()
    place.write('/home/.config/sops/age/keys.txt', 'AGE-PLUGIN-X-1\n')
    await expect(operatorRecipient(place.context())).rejects.toMatchObject({
      code: 'key-foreign',
      message: expect.stringContaining('a plugin identity'),
    })
  })

  test('needs a home for a new one', async () => {
    await expect(operatorRecipient(new Place().context({ HOME: '' }))).rejects.toMatchObject({
      code: 'home-missing',
    })
  })

  test('is no new one for root by sudo', async () => {
    vi.spyOn(process, 'getuid').mockReturnValue(0)
    await expect(operatorRecipient(new Place().context({ SUDO_USER: 'bob' }))).rejects.toMatchObject({
      code: 'key-by-sudo',
      message: expect.stringContaining('bob'),
    })
  })
})

describe('sudo', () => {
  test.each([
    [0, 'bob', 'bob'],
    [0, 'root', undefined],
    [0, '', undefined],
    [0, undefined, undefined],
    [4711, 'bob', undefined],
  ])('uid %i, called by %s: %s', (uid, by, user) => {
    vi.spyOn(process, 'getuid').mockReturnValue(uid)
    const variables = new Map(by === undefined ? [] : [['SUDO_USER', by] as const])
    expect(sudoUser(variables)).toBe(user)
    const refuses = () => refuseKeyBySudo({ ...new Place().context(), variables })
    if (user === undefined) expect(refuses).not.toThrow()
    else expect(refuses).toThrow(expect.objectContaining({ code: 'key-by-sudo' }))
  })
})

describe('the first rules', () => {
  test('are for the operator and the agents service, and count as accepted', async () => {
    const place = new Place().withKey()
    const context = place.context()
    const rules = await makeRules(context, place.key.recipient)
    const [agents] = (await recipientsOfFile(context.project.serviceKeyFile('agents') ?? '')) ?? []
    expect(rules.for(join(place.root, '.env.enc')).recipients).toEqual([place.key.recipient, agents])
    expect(rules.for(join(place.root, '.env')).recipients).toEqual([place.key.recipient, agents])
    expect(rules.for(join(place.root, 'secrets/A.enc')).recipients).toEqual([place.key.recipient])
    expect(() => rules.for(join(place.root, 'x/.env.enc'))).toThrow(
      expect.objectContaining({ code: 'rule-none' }),
    )
    expect(isAcceptedAsIs(context, rules)).toBe(true)
    expect(statSync(join(place.root, '.sops.yaml')).mode & 0o777).toBe(0o644)
    expect(place.said).toEqual([expect.stringMatching(/^note: made .*\.sops\.yaml, to be committed: /)])
  })

  test('that another has made meanwhile are used, and not told as made', async () => {
    const place = new Place().withKey()
    place.rules('age1other')
    const before = rulesFile(place)
    const rules = await makeRules(place.context(), place.key.recipient)
    expect(rules.rules.map(({ recipients }) => recipients)).toEqual([['age1other']])
    expect(rulesFile(place)).toBe(before)
    expect(place.said).toEqual([])
  })

  test('without a home name the operator alone', async () => {
    const place = new Place()
    const rules = await makeRules(place.context({ HOME: '' }), 'age1me')
    expect(rules.for(join(place.root, '.env.enc')).recipients).toEqual(['age1me'])
    expect(place.said.join()).toContain('(no key)')
  })

  test('are made once, with the key, and what there is stays as it is', async () => {
    const place = new Place()
    const made = await ensureRules(place.context())
    expect(place.said).toHaveLength(3)
    const again = await ensureRules(place.context())
    expect(again.text).toBe(made.text)
    expect(place.said).toHaveLength(3)
  })
})
