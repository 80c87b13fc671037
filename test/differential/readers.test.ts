/** Readers of what strangers wrote neither crash nor hang nor grow without end, whatever the bytes. */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import * as vectors from 'cctv-age'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { armor } from '../../src/age/armor.ts'
import { sealAgeFile } from '../../src/age/file.ts'
import { parseIdentities } from '../../src/age/identities.ts'
import fc from '../helpers/property.ts'
import { readers } from './readers.ts'
import { type CreationRule, deep, keys, recipients, seed, sopsEncrypt } from './reference.ts'

/** No input of these sizes takes seconds, on however busy a machine; one that takes this long would never end. */
const HANG_MS = 60_000
/** A reader that takes the square of its bytes takes minutes for this many. */
const LONGEST = deep ? 256 * 1024 : 32 * 1024
const RUNS = deep ? 100_000 : 300

class Thread {
  #worker = this.#start()

  #start(): Worker {
    return new Worker(new URL('reader-worker.ts', import.meta.url), {
      workerData: keys.map(({ text }) => text).join('\n'),
      resourceLimits: { maxOldGenerationSizeMb: 1024 },
    })
  }

  /** What a reader made of the bytes: "read", "answered", or what is wrong with it. */
  async read(reader: string, bytes: Buffer, patience = HANG_MS): Promise<string> {
    const worker = this.#worker
    const signal = AbortSignal.timeout(patience)
    worker.postMessage({ reader, bytes })
    try {
      const [told] = await once(worker, 'message', { signal })
      return String(told)
    } catch (error) {
      await worker.terminate()
      this.#worker = this.#start()
      return signal.aborted ? 'hangs' : `ended: ${error}`
    }
  }

  end = () => this.#worker.terminate()
}

const DOTENV = `# a comment
FORGE_TOKEN=ghp_0123456789abcdef
export QUOTED="two\\nlines"
SINGLE='it is'
EMPTY=
REFERENCE=\${FORGE_TOKEN:-\${HOME}}
URL=https://forge.example/?a=b#c
`
const TREE = JSON.stringify({ A: 'text', B: 1, C: 2.5, D: true, E: null, F: ['x', { y: 'z' }] })

const SOUND = Object.keys(readers([])).filter((name) => name !== 'crashes' && name !== 'hangs')

const thread = new Thread()
let corpus: Buffer[] = []

beforeAll(async () => {
  const sealed = async (text: string, kind: 'dotenv' | 'json' | 'binary', rule: CreationRule = {}) =>
    (await sopsEncrypt(text, kind, rule)).stdout
  const age = await sealAgeFile(Buffer.from('value\n'), [...recipients])
  const others = Object.values(vectors).flatMap((bytes) =>
    bytes instanceof Uint8Array ? [Buffer.from(bytes)] : [],
  )
  corpus = [
    await sealed(DOTENV, 'dotenv'),
    await sealed(DOTENV, 'dotenv', { encrypted_regex: '(?i)token|url' }),
    await sealed(TREE, 'json'),
    await sealed(TREE, 'json', { encrypted_regex: '^(A|B)$' }),
    await sealed(TREE, 'json', { unencrypted_suffix: '_PLAIN' }),
    await sealed('\0\u0001', 'binary'),
    age,
    Buffer.from(armor(age)),
    Buffer.from(DOTENV),
    Buffer.from(keys.map(({ text }) => text).join('\n')),
    Buffer.from('^(A|B)[a-z]{2,3}\\d+$\nAab1'),
    Buffer.from('AGE-PLUGIN-YUBIKEY-1QQQ\n'),
    ...others.map((bytes) => bytes.subarray(bytes.indexOf('\n\n') + 2)).filter(({ length }) => length < 8192),
  ]
})
afterAll(() => thread.end())

/** What readers look for, and what patterns stumble over. */
const TOKENS = [
  ...[
    'sops_mac=',
    'sops_version=',
    'sops_age__list_0__map_enc=',
    'sops:',
    '[sops]',
    '"sops":',
    'ENC[AES256_GCM,',
  ],
  ...[
    'age-encryption.org/v1\n',
    '-> X25519 ',
    '---',
    '-----BEGIN AGE ENCRYPTED FILE-----\n',
    'AGE-SECRET-KEY-1',
  ],
  ...[
    '{',
    '[',
    '}',
    ']',
    '"',
    "'",
    '`',
    '\\',
    '\n',
    '\r\n',
    ' ',
    '\t',
    '#',
    '=',
    ':',
    ',',
    '-',
    '$',
    '${',
    ':-',
    '|',
    '&',
    '*',
  ],
  ...[
    '(a+)+',
    '(?:',
    '[^',
    '\\d',
    '{1,1000}',
    '.*',
    'A=',
    'export ',
    '\0',
    '\ufeff',
    '<<: ',
    '!!',
    '%',
    '//',
  ],
] as const

/** How bytes are made: what fast-check shows of a find, and makes smaller. */
type Recipe =
  | { readonly kind: 'tokens'; readonly parts: readonly string[] }
  /** The same few bytes over and over: what takes time in a reader that looks back. */
  | {
      readonly kind: 'repeated'
      readonly parts: readonly string[]
      readonly last: string
      readonly length: number
    }
  /** A file of the corpus, cut, doubled and written into. */
  | { readonly kind: 'changed'; readonly file: number; readonly changes: readonly Change[] }
  | { readonly kind: 'bytes'; readonly hex: string }

type Change = readonly [one: number, other: number, how: 'cut' | 'double' | 'write', token: string]

const token = fc.constantFrom(...TOKENS)
const change = fc.tuple(
  fc.nat(),
  fc.nat(),
  fc.constantFrom('cut' as const, 'double' as const, 'write' as const),
  token,
)
const recipe: fc.Arbitrary<Recipe> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('changed' as const),
      file: fc.nat(),
      changes: fc.array(change, { maxLength: 6 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('tokens' as const), parts: fc.array(token, { maxLength: 40 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('repeated' as const),
      parts: fc.array(token, { minLength: 1, maxLength: 4 }),
      last: fc.oneof(token, fc.constant('')),
      length: fc.integer({ min: 1, max: LONGEST }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('bytes' as const),
      hex: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString('hex')),
    }),
  },
)

function changed(bytes: Buffer, [one, other, how, written]: Change): Buffer {
  const [from = 0, to = 0] = [one, other].map((at) => at % (bytes.length + 1)).sort((a, b) => a - b)
  const middle = bytes.subarray(from, to)
  const instead = { cut: [], double: [middle, middle], write: [Buffer.from(written)] }[how]
  return Buffer.concat([bytes.subarray(0, from), ...instead, bytes.subarray(to)])
}

function bytesOf(made: Recipe): Buffer {
  switch (made.kind) {
    case 'tokens':
      return Buffer.from(made.parts.join(''))
    case 'repeated': {
      const part = made.parts.join('')
      return Buffer.from(part.repeat(Math.ceil(made.length / part.length)) + made.last)
    }
    case 'changed':
      return made.changes.reduce(changed, corpus[made.file % corpus.length] ?? Buffer.alloc(0))
    case 'bytes':
      return Buffer.from(made.hex, 'hex')
  }
}

describe('a reader', () => {
  test.each(SOUND)('%s answers to whatever bytes', async (reader) => {
    await fc.assert(
      fc.asyncProperty(recipe, async (made) => {
        expect(['read', 'answered']).toContain(await thread.read(reader, bytesOf(made)))
      }),
      { seed, numRuns: RUNS, endOnFailure: !deep },
    )
  })

  test('that crashes is found', async () => {
    expect(await thread.read('crashes', Buffer.from('a"'))).toContain('planted')
  })

  test('that hangs is found, and the next input is read again', async () => {
    expect(await thread.read('hangs', Buffer.from('a"'), 2_000)).toBe('hangs')
    expect(await thread.read('format', Buffer.from('a'))).toBe('read')
  })

  test('that opens files opens those of the corpus', async () => {
    expect(parseIdentities(keys[0].text)).toHaveLength(1)
    expect(await thread.read('open', corpus[0] ?? Buffer.alloc(0))).toBe('read')
  })
})
