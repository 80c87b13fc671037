/** What stands in a file and is not authenticated: copies of the data key, comments, empty values, types, patterns. */
import { describe, expect, it } from 'vitest'
import { sealAgeFile } from '../../src/age/file.ts'
import { sealDotenv, sealJson } from '../../src/sops/seal.ts'
import { builtin, identities, printed, recipients, sopsDecrypt, sopsEncrypt } from './reference.ts'

const TEXT = '# first\nA=one\n#second\nB=two\n'

/** Whether both open it to the same, or both refuse it. */
async function alike(file: Buffer): Promise<'opened' | 'refused'> {
  const [answer, theirs] = [
    await builtin(file, 'dotenv', identities.slice(0, 1)),
    await sopsDecrypt(file, 'dotenv'),
  ]
  if (answer.kind !== 'opened') {
    expect(answer.kind).toBe('refused')
    expect(theirs.ok).toBe(false)
    return 'refused'
  }
  expect(printed(answer.plaintext)).toEqual(theirs.stdout)
  return 'opened'
}

/** The file with the copies of its data key replaced. */
async function withCopies(
  file: Buffer,
  copies: ReadonlyArray<readonly [recipient: string, enc: string]>,
): Promise<Buffer> {
  const rest = file
    .toString()
    .split('\n')
    .filter((line) => !line.startsWith('sops_age__'))
  const at = rest.findIndex((line) => line.startsWith('sops_'))
  const lines = copies.flatMap(([recipient, enc], which) => [
    `sops_age__list_${which}__map_enc=${enc.replaceAll('\n', '\\n')}`,
    `sops_age__list_${which}__map_recipient=${recipient}`,
  ])
  return Buffer.from([...rest.slice(0, at), ...lines, ...rest.slice(at)].join('\n'))
}

const encOf = (file: Buffer, which: number) =>
  (new RegExp(`^sops_age__list_${which}__map_enc=(.*)$`, 'm').exec(file.toString())?.[1] ?? '').replaceAll(
    '\\n',
    '\n',
  )

describe('of the copies of the data key', () => {
  const [ours = '', others = ''] = recipients

  it('the first that opens counts, whatever the labels say', async () => {
    const file = await sealDotenv(TEXT, [ours, others])
    const good = encOf(file, 0)
    const foreign = encOf(file, 1)
    const wrong = (await sealAgeFile(Buffer.alloc(32), [ours], { armored: true })).toString()
    const broken = good.replace(/\n..../, '\nAAAA')
    const outcomes = []
    for (const copies of [
      [[ours, good]],
      [[others, good]],
      [
        [others, foreign],
        [ours, good],
      ],
      [
        [ours, broken],
        [ours, good],
      ],
      [
        [others, wrong],
        [ours, good],
      ],
      [
        [ours, good],
        [ours, wrong],
      ],
      [
        [ours, wrong],
        [ours, good],
      ],
    ] as const)
      outcomes.push(await alike(await withCopies(file, copies)))
    expect(outcomes).toEqual(['opened', 'opened', 'opened', 'opened', 'refused', 'opened', 'refused'])
  })
})

describe('a comment', () => {
  it.each(['str', 'comment', 'int', 'float', 'bool', 'time', 'none', ''])(
    'of the type %j reads alike',
    async (type) => {
      for (const comment of ['12', ' 12', '1.5', 'true', 'inf', '2001-12-14T21:59:43Z', 'words', '']) {
        const file = (await sealDotenv(`#${comment}\nA=one\n`, recipients)).toString()
        await alike(Buffer.from(file.replaceAll(',type:comment]', `,type:${type}]`)))
      }
    },
  )

  it.each(['# plain', '#', '#ENC[x]', '# x\rA=evil', '#A=evil\u2028B=x'])(
    'slipped in reads alike: %j',
    async (line) => {
      const file = (await sealDotenv(TEXT, recipients)).toString()
      expect(await alike(Buffer.from(file.replace('\nB=', `\n${line}\nB=`)))).toBe('opened')
    },
  )
})

it('a value that claims to be a comment is refused, where sops makes text of its own of it', async () => {
  const file = (await sealDotenv(TEXT, recipients)).toString()
  const answer = await builtin(
    Buffer.from(
      file
        .replaceAll(',type:str]\nB', ',type:comment]\nB')
        .replace(/^(A=.*),type:str\]/m, '$1,type:comment]'),
    ),
    'dotenv',
  )
  expect(answer).toMatchObject({ kind: 'refused', code: 'file-tampered' })
})

it('names that stand twice come in the order of the file', async () => {
  const file = (
    await sealJson(
      [
        ['A', 'one'],
        ['B', 'two'],
      ],
      recipients,
    )
  ).toString()
  const again = file.replace('{', '{\n\t"B": "",')
  const answer = await builtin(Buffer.from(again), 'json')
  expect(answer).toMatchObject({
    plaintext: {
      values: [
        ['B', ''],
        ['A', 'one'],
        ['B', 'two'],
      ],
    },
  })
  expect((await sopsDecrypt(Buffer.from(again), 'json')).ok).toBe(true)
})

describe('patterns of rules', () => {
  it.each([
    '^A',
    'A$',
    '\\bA',
    '(?i)^a',
    '[[:upper:]]_',
    '^[^A]',
    '(A|B)_.*',
    '(?:A_)+X',
    '\\QA_\\E',
    '^(?P<n>A)',
    '\\x41_',
    'A{2,3}',
    '^.{3}$',
    '[A-C]_X',
    '\\d',
    '\\W',
    'A|^$',
    '(a+)+$',
    'é',
    '[é-ü]',
    '\\p{Lu}_X',
    '(?s).A',
    '',
  ])('%s means what it means to sops', async (pattern) => {
    const text = ['A_X', 'AA', 'B_Y', 'a_x', 'C1', 'X_A', 'AAA_', '_']
      .map((name) => `${name}=v-${name}\n`)
      .join('')
    for (const rule of ['encrypted_regex', 'unencrypted_regex']) {
      const encrypted = await sopsEncrypt(text, 'dotenv', { [rule]: pattern })
      if (!encrypted.ok) continue
      const answer = await builtin(encrypted.stdout, 'dotenv')
      expect(answer.kind).toBe('opened')
      if (answer.kind === 'opened') expect(printed(answer.plaintext)?.toString()).toBe(text)
    }
  })
})
