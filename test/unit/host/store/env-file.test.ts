import { spawnSync } from 'node:child_process'
import { existsSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  followers,
  namesIn,
  openEnvFile,
  sayRestartIsDue,
  withoutValue,
  withValue,
  writeEnvFile,
} from '../../../../src/host/store/env-file.ts'
import { sealJson } from '../../../../src/sops/seal.ts'
import { SOPS } from '../../../helpers/parts.ts'
import { MARK, Place } from '../../../helpers/place.ts'

const YAML = 'A: ENC[AES256_GCM,data:x,iv:x,tag:x,type:str]\nsops:\n    mac: m\n    version: 3.9.0\n'

const dotenv = (text: string) => ({ kind: 'dotenv', text }) as const
const json = (...entries: ReadonlyArray<readonly [string, string]>) => ({ kind: 'json', entries }) as const

describe('.env.enc is opened', () => {
  test('as lines of dotenv text, comments included', async () => {
    const place = new Place().withKey()
    await place.envFile(`# first\nA=${MARK}\n\nB='x y'\n`)
    const { content, document } = await openEnvFile(place.context())
    expect(content).toEqual(dotenv(`# first\nA=${MARK}\nB='x y'\n`))
    expect(document?.bytes.toString()).toBe(place.read('.env.enc'))
  })

  test('as JSON, in the order of its names', async () => {
    const place = new Place().withKey()
    const members = json(['B', 'x\ny'], ['A', MARK])
    place.write('.env.enc', await sealJson(members.entries, [place.key.recipient]))
    const { content, document } = await openEnvFile(place.context())
    expect(content).toEqual(members)
    expect(document?.format).toBe('sops-json')
  })

  test('as empty where there is none, but for a plaintext .env in use', async () => {
    const place = new Place()
    expect(await openEnvFile(place.context())).toEqual({ content: dotenv(''), document: undefined })
    const path = place.write('.env', 'A=1\n')
    await expect(openEnvFile(place.context())).rejects.toMatchObject({
      code: 'migrate-before',
      message: `${path}: is in use in plaintext, and a .env.enc beside it would be used instead`,
    })
  })

  test('and not through a link, nor in a format that has no lines, nor as bytes that are no text', async () => {
    const linked = new Place()
    symlinkSync(linked.write('elsewhere', 'x'), join(linked.root, '.env.enc'))
    await expect(openEnvFile(linked.context())).rejects.toMatchObject({ code: 'secret-link' })

    const yaml = new Place()
    const path = yaml.write('.env.enc', YAML)
    await expect(openEnvFile(yaml.context())).rejects.toMatchObject({
      code: 'edit-format',
      message: `${path}: is sops-yaml, which disinto does not edit`,
    })

    const binary = new Place().withKey()
    const words = [
      'encrypt',
      '--age',
      binary.key.recipient,
      '--input-type',
      'dotenv',
      '--output-type',
      'dotenv',
    ]
    const { stdout } = spawnSync(SOPS, [...words, binary.write('x.env', Buffer.from('A=\xff\n', 'latin1'))])
    binary.write('.env.enc', stdout)
    await expect(openEnvFile(binary.context())).rejects.toMatchObject({
      code: 'value-not-utf8',
      message: expect.stringContaining(join(binary.root, '.env.enc')),
    })
  })
})

test('the names are those of the lines that set one, or of the members', () => {
  expect(namesIn(dotenv('# A=1\nexport B=2\nC=3=4\nnothing\n#D=5\n'))).toEqual(new Set(['B', 'C']))
  expect(namesIn(json(['A', '1'], ['B', '2']))).toEqual(new Set(['A', 'B']))
})

describe('a value', () => {
  test('takes the place of the old one, or comes last', async () => {
    expect(await withValue(dotenv('A=1\nB=2\n'), 'A', 'x y')).toEqual(dotenv('A=x y\nB=2\n'))
    const members = json(['A', '1'], ['B', '2'])
    expect(await withValue(members, 'A', '9')).toEqual(json(['A', '9'], ['B', '2']))
    expect(await withValue(members, 'C', '9')).toEqual(json(['A', '1'], ['B', '2'], ['C', '9']))
  })

  test('that no line holds is refused, and only there', async () => {
    const value = `${MARK}\n\\n'"\``
    await expect(withValue(dotenv('A=1\n'), 'A', value)).rejects.toMatchObject({
      code: 'value-unholdable',
      message: 'no line of SOPS dotenv can hold the value of A; nothing was changed',
    })
    expect(await withValue(json(), 'A', value)).toEqual(json(['A', value]))
  })

  test('goes, and no other', () => {
    expect(withoutValue(dotenv('A=1\nB=2\n'), 'A')).toEqual(dotenv('B=2\n'))
    expect(withoutValue(json(['A', '1'], ['B', '2']), 'A')).toEqual(json(['B', '2']))
  })

  test('of dotenv text takes with it what refers to it', async () => {
    const before = dotenv('A=1\nB=${A}\n')
    expect(await followers(before, dotenv('A=2\nB=${A}\n'), new Set(['A']))).toEqual(['B'])
    expect(await followers(before, json(['A', '2']), new Set(['A']))).toEqual([])
    expect(await followers(json(['A', '1']), dotenv('B=1\n'), new Set(['A']))).toEqual([])
  })
})

describe('.env.enc is written', () => {
  test('for the readers of its rule, over what was read', async () => {
    const place = new Place().withKey()
    place.rules()
    await place.envFile('A=1\n')
    const file = await openEnvFile(place.context())
    await writeEnvFile(place.context(), file, dotenv(`A=${MARK}\n`))
    expect(place.read('.env.enc')).not.toContain(MARK)
    expect((await openEnvFile(place.context())).content).toEqual(dotenv(`A=${MARK}\n`))
    await expect(writeEnvFile(place.context(), file, dotenv('A=2\n'))).rejects.toMatchObject({
      code: 'file-changed',
    })
  })

  test('where there was none, and not over one that is there by then', async () => {
    const place = new Place().withKey()
    place.rules()
    const file = await openEnvFile(place.context())
    await writeEnvFile(place.context(), file, dotenv('A=1\n'))
    expect((await openEnvFile(place.context())).content).toEqual(dotenv('A=1\n'))
    await expect(writeEnvFile(place.context(), file, dotenv('A=2\n'))).rejects.toMatchObject({
      code: 'file-exists',
    })
  })

  test('for ourselves, too: what we could not open again is refused', async () => {
    const [place, other] = [new Place().withKey(), new Place()]
    place.rules(other.key.recipient)
    const file = await openEnvFile(place.context())
    await expect(writeEnvFile(place.context(), file, dotenv('A=1\n'))).rejects.toMatchObject({
      code: 'written-for-others',
    })
    expect(existsSync(join(place.root, '.env.enc'))).toBe(false)
  })
})

test('that containers keep the old values is said where there is a compose file', () => {
  const place = new Place()
  sayRestartIsDue(place.context())
  expect(place.said).toEqual([])
  const path = place.write('compose.yaml', 'services: {}\n')
  sayRestartIsDue(place.context())
  expect(place.said).toEqual([`note: ${path}: running containers keep the old values until: disinto restart`])
})
