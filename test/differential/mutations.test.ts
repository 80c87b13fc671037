import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseIdentities } from '../../src/age/identities.ts'
import {
  builtin,
  type CreationRule,
  deep,
  type Kind,
  keys,
  printed,
  recipients,
  seed,
  sopsDecrypt,
  sopsEncrypt,
  sopsValues,
} from './reference.ts'

const timeout = deep ? 3_000_000 : 240_000
/** sops takes 15 ms for each mutant that builtin accepts, so a quick run asks it about some of them. */
const ASKED = deep ? Number.POSITIVE_INFINITY : 60

/** Mulberry32: small, and the same for the same seed. */
function generator(start: number): (below: number) => number {
  let state = start >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below)
  }
}

/** The one identity that sops is given too. */
const own = parseIdentities(keys[0].text)

const BITS = [1, 2, 4, 8, 16, 32, 64, 128]

function flipped(bytes: Buffer, at: number, bit: number): Buffer {
  const copy = Buffer.from(bytes)
  copy[at] = (copy[at] ?? 0) ^ bit
  return copy
}

function doubled(bytes: Buffer, from: number, to: number): Buffer {
  return Buffer.concat([bytes.subarray(0, to), bytes.subarray(from)])
}

function without(bytes: Buffer, from: number, to: number): Buffer {
  return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)])
}

function* everyByte(bytes: Buffer, random: (below: number) => number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at++) {
    yield flipped(bytes, at, BITS[random(8)] ?? 1)
    yield bytes.subarray(0, at)
    yield doubled(bytes, at, at + 1)
    yield without(bytes, at, at + 1)
  }
}

function* everyLinePair(bytes: Buffer): Generator<Buffer> {
  const lines = bytes.toString('latin1').split('\n')
  for (let first = 0; first < lines.length; first++) {
    yield Buffer.from(lines.toSpliced(first, 1).join('\n'), 'latin1')
    yield Buffer.from(lines.toSpliced(first, 0, lines[first] ?? '').join('\n'), 'latin1')
    for (let second = first + 1; second < lines.length; second++) {
      const swapped = lines.with(first, lines[second] ?? '').with(second, lines[first] ?? '')
      yield Buffer.from(swapped.join('\n'), 'latin1')
    }
  }
}

/** Values moved from one name to another, which the names bound to them must reveal. */
function* everyMovedValue(bytes: Buffer): Generator<Buffer> {
  const text = bytes.toString('latin1')
  const values = [...text.matchAll(/ENC\[[^\]]*\]/g)].map(([value]) => value)
  for (const first of values) {
    yield Buffer.from(text.replace(first, ''), 'latin1')
    for (const second of values)
      if (first !== second) yield Buffer.from(text.replace(first, second), 'latin1')
  }
}

const ODD_JSON = [
  'null',
  '""',
  '"x"',
  '0',
  '1',
  '"0"',
  '"1"',
  'true',
  'false',
  '"true"',
  '"false"',
  '"t"',
  '[]',
  '{}',
  '[""]',
  '" "',
]
const ODD_TEXT = [
  '',
  'x',
  '0',
  '1',
  'true',
  'false',
  't',
  ' ',
  '[]',
  '3.13',
  '1.x',
  'v3.0.0',
  '2026-11-25T00:00:00+00:00',
  '2026-02-30T00:00:00Z',
]

/** Each line of the metadata of a dotenv file replaced by something of another kind, and lines that were not there. */
function* everyLine(text: string): Generator<Buffer> {
  for (const [line, name = '', value = ''] of text.matchAll(/^(sops_\w+=)(.*)$/gm)) {
    for (const odd of [...ODD_TEXT, ` ${value}`, `${value} `, `${value}\\n`, `${value}\r`])
      yield Buffer.from(text.replace(line, name + odd))
    yield Buffer.from(text.replace(line, line.toUpperCase().replace('SOPS_', 'sops_')))
  }
  const more = [
    'kms=',
    'pgp=x',
    'kms__list_0__map_arn=a',
    'age__list_00__map_enc=x',
    'age__list_0__map_more=x',
    'more=x',
    'MAC=',
    'shamir_threshold=0',
    'shamir_threshold=',
    'shamir_threshold=2',
    'mac_only_encrypted=true',
    'mac_only_encrypted=',
    'encrypted_suffix=',
    'encrypted_suffix=x',
    'encrypted_regex=',
    'age=',
    '=',
    'age__list_9__map_enc=x',
    'version__map_x=y',
  ]
  for (const line of more) {
    yield Buffer.from(`sops_${line}\n${text}`)
    yield Buffer.from(`${text}sops_${line}\n`)
  }
}

/** The same for a JSON file. */
function* everyMember(text: string): Generator<Buffer> {
  for (const [member, name = ''] of text.matchAll(/^\t\t("\w+": )"[^"]*"/gm)) {
    for (const odd of ODD_JSON) yield Buffer.from(text.replace(member, `\t\t${name}${odd}`))
    yield Buffer.from(text.replace(member, `${member}, ${member}`))
    yield Buffer.from(text.replace(member, member.toUpperCase()))
  }
  const more = [
    'kms',
    'pgp',
    'key_groups',
    'age',
    'shamir_threshold',
    'mac_only_encrypted',
    'encrypted_suffix',
    'encrypted_regex',
    'unencrypted_suffix',
    'MAC',
    'more',
    'version',
    'azure_kv',
  ]
  for (const name of more) {
    for (const odd of ODD_JSON) yield Buffer.from(text.replace('"sops": {', `"sops": {"${name}": ${odd},`))
  }
  for (const [member, name = ''] of text.matchAll(/^\t("\w+": )("[^"]*"|\d+)/gm)) {
    for (const odd of ODD_JSON) yield Buffer.from(text.replace(member, `\t${name}${odd}`))
    yield Buffer.from(text.replace(member, `${member}, ${member}`))
  }
  for (const odd of ODD_JSON) yield Buffer.from(text.replace('{', `{"EXTRA": ${odd},`))
  for (const odd of ODD_JSON) yield Buffer.from(text.replace('{', `{"EXTRA_unencrypted": ${odd},`))
}

function* atRandom(bytes: Buffer, count: number, random: (below: number) => number): Generator<Buffer> {
  for (let run = 0; run < count; run++) {
    const at = random(bytes.length)
    const to = Math.min(bytes.length, at + 1 + random(200))
    const kind = random(5)
    if (kind === 0) yield flipped(bytes, at, BITS[random(8)] ?? 1)
    else if (kind === 1) yield bytes.subarray(0, at)
    else if (kind === 2) yield doubled(bytes, at, to)
    else if (kind === 3) yield without(bytes, at, to)
    else {
      const lines = bytes.toString('latin1').split('\n')
      const [one, two] = [random(lines.length), random(lines.length)]
      yield Buffer.from(
        lines
          .with(one, lines[two] ?? '')
          .with(two, lines[one] ?? '')
          .join('\n'),
        'latin1',
      )
    }
  }
}

/** Keeps a mutant that shows a difference, and says where. */
function kept(mutant: Buffer): string {
  const path = join(tmpdir(), 'disinto-mutant')
  writeFileSync(path, mutant)
  return `builtin opens ${path}, and sops does not, or not to the same`
}

async function sameAsSops(mutant: Buffer, kind: Kind): Promise<boolean> {
  const answer = await builtin(mutant, kind, own)
  if (answer.kind !== 'opened') return true
  const { plaintext } = answer
  if (plaintext.kind !== 'values') {
    const ran = await sopsDecrypt(mutant, kind)
    return ran.ok && printed(plaintext)?.equals(ran.stdout) === true
  }
  const expected = await sopsValues(mutant)
  if (expected === undefined) return false
  const [ours, theirs] = [new Map(plaintext.values), new Map(expected)]
  return ours.size === theirs.size && [...ours].every(([name, value]) => theirs.get(name) === value)
}

async function expectSame(mutant: Buffer, kind: Kind): Promise<void> {
  const same = await sameAsSops(mutant, kind)
  expect(same, same ? '' : kept(mutant)).toBe(true)
}

/** Tries all mutants on builtin, and some or all of those that it accepts on sops. */
async function tryAll(mutants: Iterable<Buffer>, kind: Kind, random: (below: number) => number) {
  let tried = 0
  const accepted: Buffer[] = []
  for (const mutant of mutants) {
    tried++
    if ((await builtin(mutant, kind, own)).kind === 'opened') accepted.push(mutant)
  }
  while (accepted.length > ASKED) accepted.splice(random(accepted.length), 1)
  // Two at a time, for two cores.
  const queue = accepted.values()
  const work = async () => {
    for (const mutant of queue) await expectSame(mutant, kind)
  }
  await Promise.all([work(), work()])
  return { tried, asked: accepted.length }
}

const DOTENV = '# a comment\nA=first\nB=\nC_unencrypted=plain\\ntext\n#\nD=with = and # and "quotes"\n'
const JSON_TEXT = '{"A": "first", "B": 12, "C": 1.5, "D": true, "E": "", "F_unencrypted": 7, "G": "x"}'

interface Case {
  readonly title: string
  readonly kind: Kind
  readonly text: string
  readonly rule: CreationRule
  /** How many it is encrypted to: sops never looks at the copies for others, so one is telling enough. */
  readonly people?: number
}

const SMALL: readonly Case[] = [
  { title: 'dotenv', kind: 'dotenv', text: DOTENV, rule: {} },
  {
    title: 'dotenv with a MAC over encrypted values alone',
    kind: 'dotenv',
    text: DOTENV,
    rule: { mac_only_encrypted: true },
  },
  {
    title: 'dotenv with a rule about comments',
    kind: 'dotenv',
    text: DOTENV,
    rule: { encrypted_comment_regex: 'comment' },
  },
  { title: 'JSON', kind: 'json', text: JSON_TEXT, rule: {}, people: deep ? 2 : 1 },
  {
    title: 'JSON with a pattern',
    kind: 'json',
    text: JSON_TEXT,
    rule: { encrypted_regex: '^[A-C]$', mac_only_encrypted: true },
  },
  { title: 'binary', kind: 'binary', text: 'the whole file\n', rule: {} },
]

describe('a changed file is refused, declined, or read as sops reads it', () => {
  for (const { title, kind, text, rule, people } of SMALL) {
    it(`at every byte and line of ${title}`, { timeout }, async () => {
      const random = generator(seed)
      const { stdout, ok } = await sopsEncrypt(text, kind, {
        age: recipients.slice(0, people ?? 1).join(','),
        ...rule,
      })
      expect(ok).toBe(true)
      await expectSame(stdout, kind)
      // Few, and each for a reason: all of those that builtin opens are asked about.
      for (const mutant of (kind === 'dotenv' ? everyLine : everyMember)(stdout.toString()))
        await expectSame(mutant, kind)
      const all = function* () {
        yield* everyByte(stdout, random)
        yield* everyLinePair(stdout)
        yield* everyMovedValue(stdout)
      }
      const { tried, asked } = await tryAll(all(), kind, random)
      console.log(`${title}: ${tried} mutants, sops asked about ${asked}`)
      expect(tried).toBeGreaterThan(stdout.length * 4)
    })
  }

  it('at random in larger files', { timeout }, async () => {
    const random = generator(seed)
    const names = Array.from({ length: 40 }, (_, at) => `NAME_${at}`)
    const dotenv = names.map((name) => `# about ${name}\n${name}=${'value '.repeat(random(40))}`).join('\n')
    const json = JSON.stringify(Object.fromEntries(names.map((name, at) => [name, 'value '.repeat(at)])))
    const count = deep ? 5000 : 400
    for (const [kind, text] of [
      ['dotenv', dotenv],
      ['json', json],
    ] as const) {
      const { stdout } = await sopsEncrypt(text, kind, { age: recipients[0] ?? '' })
      const { tried, asked } = await tryAll(atRandom(stdout, count, random), kind, random)
      console.log(`larger ${kind}: ${tried} mutants, sops asked about ${asked}`)
    }
  })
})
