import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import {
  acceptedRules,
  acceptFirst,
  acceptRules,
  isAcceptedAsIs,
  newcomersOf,
  newInRules,
  newReaders,
  rulesInForce,
} from '../../../../src/host/access/accepted.ts'
import {
  acceptedText,
  claimPlace,
  namesGiven,
  saveGiven,
} from '../../../../src/host/access/accepted-record.ts'
import { type CreationRules, parseRules } from '../../../../src/host/access/rules.ts'
import { failure } from '../../../../src/host/errors.ts'
import { PLACE_FILE } from '../../../../src/host/place.ts'
import { Place } from '../../../helpers/place.ts'

/** What writing a file throws, where it can't be written: root may write everywhere. */
const disk = vi.hoisted(() => ({ error: undefined as Error | undefined }))
vi.mock('../../../../src/host/files/write.ts', async (load) => {
  const real = await load<typeof import('../../../../src/host/files/write.ts')>()
  const writeFile: typeof real.writeFile = (...given) =>
    disk.error === undefined ? real.writeFile(...given) : Promise.reject(disk.error)
  return { ...real, writeFile }
})
afterEach(() => {
  disk.error = undefined
})

const [A, B, C] = ['age1aaa', 'age1bbb', 'age1ccc']

function rulesIn(place: Place, ...rules: ReadonlyArray<readonly [pattern: string, age: string]>) {
  const text = rules.map(([pattern, age]) => `  - path_regex: ${pattern}\n    age: ${age}\n`).join('')
  return parseRules(place.write('.sops.yaml', `creation_rules:\n${text}`), `creation_rules:\n${text}`)
}

/** Where it is kept what was accepted. */
function kept(place: Place): string {
  return join(place.context().project.serviceKeysDir ?? '', PLACE_FILE)
}

describe('rules that were accepted', () => {
  test('are those, to the letter and at the same place', async () => {
    const place = new Place()
    const context = place.context()
    const rules = await rulesIn(place, ['^a$', A])
    expect(isAcceptedAsIs(context, rules)).toBe(false)
    expect(await acceptedRules(context)).toBeUndefined()
    expect(acceptedText(context)).toBeUndefined()
    await acceptRules(context, rules)
    expect(isAcceptedAsIs(context, rules)).toBe(true)
    expect(acceptedText(context)).toBe(rules.text)
    expect((await acceptedRules(context))?.for(join(place.root, 'a')).recipients).toEqual([A])
    expect(isAcceptedAsIs(context, await rulesIn(place, ['^a$', B]))).toBe(false)
    const elsewhere = await parseRules(join(place.base, '.sops.yaml'), rules.text)
    expect(isAcceptedAsIs(context, elsewhere)).toBe(false)
  })

  test('stay so when the project says whose directory it is', async () => {
    const place = new Place()
    const context = place.context()
    const rules = await rulesIn(place, ['^a$', A])
    await acceptRules(context, rules)
    const before = readFileSync(kept(place), 'utf8')
    await claimPlace(context)
    expect(readFileSync(kept(place), 'utf8')).toBe(before)
    for (const other of [{ root: '/elsewhere' }, { base: '/elsewhere' }, { root: '/x', base: '/y' }]) {
      writeFileSync(kept(place), JSON.stringify({ ...JSON.parse(before), ...other }))
      await claimPlace(context)
      expect(readFileSync(kept(place), 'utf8')).toBe(before)
    }
    expect(JSON.parse(before)).toEqual({
      root: place.root,
      base: join(place.home, '.config/sops/age'),
      directory: expect.stringMatching(/^\d+ \d+$/),
      rules: '.sops.yaml',
      accepted: rules.text,
      readBy: '0.0.0',
      read: [{ path_regex: '^a$', age: A }],
    })
  })

  describe('are not read as YAML again', () => {
    const keep = (place: Place, fields: object) =>
      writeFileSync(
        kept(place),
        JSON.stringify({ ...JSON.parse(readFileSync(kept(place), 'utf8')), ...fields }),
      )
    const recipientsOf = async (place: Place) => {
      const rules = await rulesInForce(place.context())
      return rules?.for(join(place.root, 'a')).recipients
    }
    /** What was kept is told from what the text says by who is in it. */
    const KEPT = [{ age: B }]

    test('but taken from what is kept', async () => {
      const place = new Place()
      expect(await rulesInForce(place.context())).toBeUndefined()
      await acceptRules(place.context(), await rulesIn(place, ['^a$', A]))
      expect(await recipientsOf(place)).toEqual([A])
      keep(place, { read: KEPT })
      expect(await recipientsOf(place)).toEqual([B])
      expect((await acceptedRules(place.context()))?.for(join(place.root, 'a')).recipients).toEqual([B])
    })

    test.each([
      ['another version kept it', { readBy: '0.0.1', read: KEPT }],
      ['none was kept', { readBy: undefined, read: undefined }],
      ['it is something else', { read: 'x' }],
      ['it is a list of something else', { read: [1] }],
    ])('unless %s, and then it is kept', async (_, fields) => {
      const place = new Place()
      await acceptRules(place.context(), await rulesIn(place, ['^a$', A]))
      const before = readFileSync(kept(place), 'utf8')
      keep(place, fields)
      expect((await acceptedRules(place.context()))?.for(join(place.root, 'a')).recipients).toEqual([A])
      expect(await recipientsOf(place)).toEqual([A])
      expect(readFileSync(kept(place), 'utf8')).toBe(before)
    })

    test('unless they are other rules, which are not accepted by the way, or stand elsewhere', async () => {
      const place = new Place()
      await acceptRules(place.context(), await rulesIn(place, ['^a$', A]))
      keep(place, { read: KEPT })
      await rulesIn(place, ['^a$', C])
      const before = readFileSync(kept(place), 'utf8')
      expect(await recipientsOf(place)).toEqual([C])
      expect(readFileSync(kept(place), 'utf8')).toBe(before)
      await rulesIn(place, ['^a$', A])
      keep(place, { rules: '../.sops.yaml' })
      expect(await recipientsOf(place)).toEqual([A])
    })

    test('unless JSON can’t hold what they were read as', async () => {
      const place = new Place()
      const text = `creation_rules:\n  - age: ${A}\n    since: .inf\n`
      const rules = await parseRules(place.write('.sops.yaml', text), text)
      await acceptRules(place.context(), rules)
      expect(readFileSync(kept(place), 'utf8')).not.toContain('"read"')
      expect(await recipientsOf(place)).toEqual([A])
    })

    test('unless it can’t be kept', async () => {
      const place = new Place()
      await acceptRules(place.context(), await rulesIn(place, ['^a$', A]))
      keep(place, { readBy: '0' })
      const before = readFileSync(kept(place), 'utf8')
      disk.error = failure('write-failed', { path: kept(place), reason: 'EROFS' })
      expect(await recipientsOf(place)).toEqual([A])
      disk.error = new TypeError('a bug')
      await expect(rulesInForce(place.context())).rejects.toBe(disk.error)
      expect(readFileSync(kept(place), 'utf8')).toBe(before)
    })
  })

  test('are none where the directory is only claimed', async () => {
    const place = new Place()
    await claimPlace(place.context())
    expect(Object.keys(JSON.parse(readFileSync(kept(place), 'utf8')))).toEqual(['root', 'base', 'directory'])
    expect(await acceptedRules(place.context())).toBeUndefined()
  })

  describe('of a project that is gone', () => {
    /** A place that says it is that of a project at /gone, which was some other directory. */
    async function gone(place: Place, directory?: string): Promise<string> {
      await acceptRules(place.context(), await rulesIn(place, ['^a$', A]))
      const fields = { ...JSON.parse(readFileSync(kept(place), 'utf8')), root: '/gone', directory }
      writeFileSync(kept(place), JSON.stringify(fields))
      return readFileSync(kept(place), 'utf8')
    }

    test.each([undefined, '1 1'])('are no other’s, unless its owner says so (%s)', async (directory) => {
      const place = new Place()
      const context = place.context()
      const before = await gone(place, directory)
      const elsewhere = {
        code: 'keys-elsewhere',
        message: `${dirname(kept(place))}: holds the keys of the project that was at /gone and is gone, which ${join(place.root, '.sops.yaml')} names`,
        hint: expect.stringContaining('disinto secrets keygen --moved-from /gone;'),
      }
      await expect(claimPlace(context)).rejects.toMatchObject(elsewhere)
      await expect(claimPlace(context, '/other')).rejects.toMatchObject({
        code: 'keys-not-from',
        message: `${dirname(kept(place))}: is where the keys of this project belong, and those of /other are not there`,
      })
      expect(readFileSync(kept(place), 'utf8')).toBe(before)
      await claimPlace(context, '/gone')
      expect(JSON.parse(readFileSync(kept(place), 'utf8'))).toMatchObject({
        root: place.root,
        rules: '.sops.yaml',
      })
      // Said again, it is so.
      await claimPlace(context, '/gone')
      await claimPlace(context)
    })
  })

  test('and whom .env.enc was given to are kept beside each other', async () => {
    const place = new Place()
    const context = place.context()
    expect(namesGiven(context, A)).toBeUndefined()
    await saveGiven(context, A, ['X'])
    await saveGiven(context, A, ['Y', 'X'])
    const rules = await rulesIn(place, ['^a$', A])
    await acceptRules(context, rules)
    await saveGiven(context, B, [])
    expect([A, B, C].map((key) => namesGiven(context, key))).toEqual([['X', 'Y'], [], undefined])
    const before = readFileSync(kept(place), 'utf8')
    await saveGiven(context, A, ['Y'])
    await saveGiven(context, B, [])
    expect(readFileSync(kept(place), 'utf8')).toBe(before)
    expect(JSON.parse(readFileSync(kept(place), 'utf8'))).toMatchObject({
      given: { [A]: ['X', 'Y'], [B]: [] },
      accepted: rules.text,
    })
    for (const given of ['x', ['x'], null, 1]) {
      writeFileSync(kept(place), JSON.stringify({ root: place.root, given }))
      expect(namesGiven(context, 'x')).toBeUndefined()
    }
    writeFileSync(kept(place), JSON.stringify({ given: { x: 1 } }))
    expect(namesGiven(context, 'x')).toEqual([])
  })

  test('are none where something else stands in the way', async () => {
    const place = new Place()
    place.write('/home/.config', '')
    expect(await acceptedRules(place.context())).toBeUndefined()
  })

  test.each([
    ['no JSON', '{', 'it is not JSON'],
    ['a directory', undefined, 'EISDIR'],
  ])('are an error where the file is %s, and no text', async (_, content, reason) => {
    const place = new Place()
    mkdirSync(content === undefined ? kept(place) : dirname(kept(place)), { recursive: true })
    if (content !== undefined) writeFileSync(kept(place), content)
    const context = place.context()
    await expect(acceptedRules(context)).rejects.toMatchObject({
      code: 'key-unusable',
      message: expect.stringMatching(`^${kept(place)}.*${reason}`),
    })
    expect(acceptedText(context)).toBeUndefined()
  })

  test.each(['null', '1', '[]', '{"rules":1,"accepted":"x"}', '{"accepted":"x"}', '{"rules":"x"}'])(
    'are none where the file holds %s',
    async (content) => {
      const place = new Place()
      mkdirSync(dirname(kept(place)), { recursive: true })
      writeFileSync(kept(place), content)
      expect(await acceptedRules(place.context())).toBeUndefined()
    },
  )

  test('can’t be kept without a home', async () => {
    const place = new Place()
    const context = place.context({ HOME: '' })
    await acceptRules(context, await rulesIn(place, ['^a$', A]))
    await claimPlace(context)
    await saveGiven(context, A, [])
    expect(namesGiven(context, A)).toBeUndefined()
    expect(await acceptedRules(context)).toBeUndefined()
  })
})

describe('who becomes a reader', () => {
  const path = '/p/a'
  const parse = (body: string) => parseRules('/p/.sops.yaml', `creation_rules:\n${body}`)
  async function newcomers(before: string, after: string) {
    return newcomersOf((await parse(after)).for(path), await parse(before), path)
  }
  const groups = (threshold: number, ...keys: string[]) =>
    `  - shamir_threshold: ${threshold}\n    key_groups:\n${keys.map((key) => `      - age: [${key}]\n`).join('')}`

  test.each([
    [
      'nobody, of the same keys',
      `  - age: ${A},${B}\n`,
      `  - age: ${B},${A}\n`,
      { recipients: [], loosened: false },
    ],
    ['nobody, of fewer', `  - age: ${A},${B}\n`, `  - age: ${A}\n`, { recipients: [], loosened: false }],
    ['who was not there', `  - age: ${A}\n`, `  - age: ${A},${B}\n`, { recipients: [B], loosened: false }],
    [
      'all, where no rule was for the file',
      `  - path_regex: x\n    age: ${A}\n`,
      `  - age: ${A}\n`,
      { recipients: [A], loosened: false },
    ],
    [
      'whoever has fewer groups to bring',
      groups(2, A, B, C),
      groups(2, A, B),
      { recipients: [], loosened: true },
    ],
    [
      'whoever has a smaller threshold to reach',
      groups(2, A, B),
      groups(1, A, B),
      { recipients: [], loosened: true },
    ],
    [
      'whoever has keys in another group, too',
      groups(2, A, B),
      groups(2, A, `${B}, ${A}`),
      { recipients: [], loosened: true },
    ],
    [
      'nobody, of keys that leave a group',
      groups(2, `${A}, ${C}`, B),
      groups(2, A, B),
      { recipients: [], loosened: false },
    ],
  ])('%s', async (_, before, after, found) => {
    expect(await newcomers(before, after)).toEqual(found)
  })
})

describe('what is new in rules', () => {
  async function found(
    before: CreationRules | undefined,
    place: Place,
    after: CreationRules,
    paths = ['a', 'b', 'none'],
  ) {
    const context = place.context()
    if (before !== undefined) await acceptRules(context, before)
    const inFiles = await newReaders(
      context,
      after,
      paths.map((path) => join(place.root, path)),
    )
    const inRules = await newInRules(context, after)
    const short = (path: string) => path.slice(place.root.length + 1)
    return {
      inFiles: inFiles.map(({ path, rule, recipients, loosened }) => [
        short(path),
        rule,
        ...(loosened ? [loosened] : []),
        ...recipients,
      ]),
      inRules: inRules.map(({ path, rule, recipients, loosened }) => [
        short(path),
        rule,
        loosened,
        ...recipients,
      ]),
    }
  }

  test('is told by file, and for files that are not there by rule', async () => {
    const place = new Place()
    const before = await rulesIn(place, ['^a$', A], ['^b$', A])
    const after = await rulesIn(place, ['^a$', A], ['^b$', `${A},${B}`], ['^c$', C])
    expect(await found(before, place, after)).toEqual({
      inFiles: [['b', 1, B]],
      inRules: [
        ['rule 2', 1, false, B],
        ['rule 3', 2, false, C],
      ],
    })
  })

  test('is nothing where none were accepted, or these', async () => {
    const place = new Place()
    const rules = await rulesIn(place, ['^a$', A])
    expect(await found(undefined, place, rules)).toEqual({ inFiles: [], inRules: [] })
    expect(await found(rules, place, rules)).toEqual({ inFiles: [], inRules: [] })
  })

  test('is another order of the same rules, since the first that fits counts', async () => {
    const place = new Place()
    const before = await rulesIn(place, ['^a', A], ['^b', B], ['^c', C])
    const swapped = await rulesIn(place, ['^b', B], ['^a', A], ['^c', C])
    expect((await found(before, place, swapped)).inRules).toEqual([['.sops.yaml', -1, true]])
    const without = await rulesIn(place, ['^a', A], ['^c', C])
    // Whether the files of the rule that is gone are those of the next one, nobody can tell.
    const gone = ['rule 2 as it was accepted, which is gone', -1, false, C]
    expect((await found(before, place, without)).inRules).toEqual([gone])
    const more = await rulesIn(place, ['^a', A], ['^x', A], ['^b', B], ['^c', C])
    expect((await found(before, place, more)).inRules).toEqual([['rule 2', 1, false, A]])
  })

  const inGroups = (threshold: number, ...keys: string[]) =>
    `  - path_regex: ^a$\n    shamir_threshold: ${threshold}\n    key_groups:\n${keys.map((key) => `      - age: [${key}]\n`).join('')}`
  const parse = (place: Place, body: string) =>
    parseRules(join(place.root, '.sops.yaml'), `creation_rules:\n${body}`)

  test('is that fewer keys are enough, by file and by rule', async () => {
    const place = new Place()
    const before = await parse(place, inGroups(2, A, B))
    expect(await found(before, place, await parse(place, inGroups(1, A, B)))).toEqual({
      inFiles: [['a', 0, true]],
      inRules: [['rule 1', 0, true]],
    })
  })

  test.each<[what: string, after: string, loosened: boolean, recipients: readonly string[]]>([
    ['everybody', `  - age: ${A},${C}\n`, true, [C]],
    ['the same, all of whom are needed', inGroups(2, A, B).replace('^a$', '^'), false, []],
    ['the same, one of whom is enough', inGroups(1, A, B).replace('^a$', '^'), true, []],
    ['nobody', '', false, []],
  ])(
    'is what the files of a rule that is gone have of those for %s',
    async (_, after, loosened, recipients) => {
      const place = new Place()
      const before = await parse(place, inGroups(2, A, B))
      const { inRules } = await found(before, place, await parse(place, after || '  []\n'))
      const gone = ['rule 1 as it was accepted, which is gone', -1, loosened, ...recipients]
      expect(inRules.filter(([path]) => `${path}`.includes('gone'))).toEqual(
        loosened || recipients.length > 0 ? [gone] : [],
      )
    },
  )

  test('is nothing that a rule has which stood before the one that is gone', async () => {
    const place = new Place()
    const before = await rulesIn(place, ['^x', C], ['^a$', A], ['^y', B])
    const after = await rulesIn(place, ['^x', C], ['^y', `${B},${A}`])
    expect((await found(before, place, after)).inRules).toEqual([
      ['rule 2', 1, false, A],
      ['rule 2 as it was accepted, which is gone', -1, false, B],
    ])
  })

  test('is told of rules without a pattern, too', async () => {
    const place = new Place()
    const before = await parse(place, `  - path_regex: ^a$\n    age: ${A}\n  - age: ${A}\n`)
    const after = await parse(place, `  - path_regex: ^a$\n    age: ${A}\n  - age: ${A},${B}\n`)
    expect(await found(before, place, after)).toEqual({
      inFiles: [
        ['b', 1, B],
        ['none', 1, B],
      ],
      inRules: [['rule 2', 1, false, B]],
    })
  })
})

describe('the first time', () => {
  test('it is said whom the rules name, whose keys these are, and they count from then on', async () => {
    const place = new Place().withKey()
    const context = place.context()
    const rules = await rulesIn(
      place,
      ['^\\.env', `${place.key.recipient},${A}`],
      ['^secrets/', place.key.recipient],
      ['^x', `${B},${A}`],
    )
    await acceptFirst(context, rules)
    expect(place.said.at(-1)).toBe(
      `note: ${join(place.root, '.sops.yaml')}: accepted on first use: ` +
        `.env.enc can be opened by ${place.key.recipient} (you), ${A}; ` +
        `new secrets by ${place.key.recipient} (you); other rules name ${B}`,
    )
    expect(isAcceptedAsIs(context, rules)).toBe(true)
  })

  test('files that no rule is for are for nobody, and other rules are told only where they name others', async () => {
    const place = new Place()
    await acceptFirst(place.context(), await rulesIn(place, ['^secrets/', A]))
    expect(place.said).toEqual([
      expect.stringMatching(/: \.env\.enc can be opened by nobody; new secrets by age1aaa$/),
    ])
  })

  test('it is warned of rules that others can change', async () => {
    const place = new Place()
    const rules = await rulesIn(place, ['^secrets/', A])
    chmodSync(rules.path, 0o606)
    await acceptFirst(place.context(), rules)
    expect(place.said[0]).toBe(
      `warning: ${rules.path}: other users can change it, and so decide who may open what is written`,
    )
  })

  test('a home that can’t be written to is warned about, and every time is the first', async () => {
    const place = new Place()
    place.write('/home/.config', '')
    await acceptFirst(place.context(), await rulesIn(place, ['^a', A]))
    expect(place.said.at(-1)).toMatch(/^warning: .*home\/\.config\//)
    expect(await acceptedRules(place.context()).catch(() => undefined)).toBeUndefined()
  })
})
