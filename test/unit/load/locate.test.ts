import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { locate } from '../../../src/load/locate.ts'
import { parseOptions } from '../../../src/load/options.ts'

class Directory {
  readonly path = mkdtempSync(join(tmpdir(), 'disinto-locate-'))

  constructor(...files: string[]) {
    onTestFinished(() => rmSync(this.path, { recursive: true, force: true }))
    for (const file of files) this.write(file)
  }

  write(file: string): void {
    mkdirSync(join(this.path, file, '..'), { recursive: true })
    writeFileSync(join(this.path, file), '')
  }

  async located(...words: string[]) {
    const { sources, leftover } = locate(await parseOptions(words, new Map()), this.path)
    return {
      sources: sources.map((source) => ({ ...source, path: source.path.slice(this.path.length + 1) })),
      leftover: leftover?.slice(this.path.length + 1),
    }
  }

  async paths(...words: string[]): Promise<string[]> {
    return (await this.located(...words)).sources.map(({ path }) => path)
  }

  async refused(...words: string[]): Promise<unknown> {
    return this.located(...words).then(
      () => undefined,
      (error: unknown) => error,
    )
  }
}

const code = (wanted: string, message: string) =>
  expect.objectContaining({ code: wanted, message: expect.stringContaining(message) })

describe('the env file', () => {
  test('.env.enc comes before .env, which is told as left over', async () => {
    expect(await new Directory('.env', '.env.enc').located()).toEqual({
      sources: [{ role: 'env-file', path: '.env.enc', plaintextAllowed: false }],
      leftover: '.env',
    })
    expect(await new Directory('.env.enc').located()).toMatchObject({ leftover: undefined })
  })

  test('.env alone may be plaintext', async () => {
    expect(await new Directory('.env').located()).toEqual({
      sources: [{ role: 'env-file', path: '.env', plaintextAllowed: true }],
      leftover: undefined,
    })
  })

  test('a link that leads nowhere is there: .env never takes its place', async () => {
    const directory = new Directory('.env')
    symlinkSync('nowhere', join(directory.path, '.env.enc'))
    expect(await directory.paths()).toEqual(['.env.enc'])
  })

  test.each([
    ['.env', true],
    ['below/.env', true],
    ['x.env', false],
    ['.env.txt', false],
  ])('named %s: plaintext is allowed: %s, and nothing is left over', async (file, plaintextAllowed) => {
    const directory = new Directory('.env', '.env.enc', file)
    expect(await directory.located('--env-file', file)).toEqual({
      sources: [{ role: 'env-file', path: file, plaintextAllowed }],
      leftover: undefined,
    })
  })

  test('named and not there is an error', async () => {
    const directory = new Directory('.env.enc')
    expect(await directory.refused('--env-file=none')).toEqual(code('source-missing', '/none'))
  })

  test('that nobody can look for is an error, and not absent', async () => {
    const directory = new Directory('file')
    expect(await directory.refused('--env-file', 'file/.env')).toEqual(code('source-unreadable', 'ENOTDIR'))
  })
})

describe('secret files', () => {
  test('are those that end with .enc, in the order of their bytes, behind the env file', async () => {
    const directory = new Directory(
      'secrets/b.enc',
      'secrets/A.enc',
      'secrets/note',
      '.env.enc',
      'secrets/_.enc',
    )
    expect(await directory.paths()).toEqual(['.env.enc', 'secrets/A.enc', 'secrets/_.enc', 'secrets/b.enc'])
    expect((await directory.located()).sources[1]).toEqual({
      role: 'secret',
      path: 'secrets/A.enc',
      name: 'A',
    })
  })

  test('can be elsewhere, and are looked for nowhere else then', async () => {
    const directory = new Directory('secrets/A.enc', 'other/B.enc')
    expect(await directory.paths('--secrets-dir=other')).toEqual(['other/B.enc'])
    expect(await directory.refused('--secrets-dir=none')).toEqual(code('source-missing', '/none'))
  })

  test('need a directory, be it through a link', async () => {
    const directory = new Directory('secrets', 'other/B.enc')
    expect(await directory.refused()).toEqual(code('secrets-dir-irregular', '/secrets'))
    rmSync(join(directory.path, 'secrets'))
    symlinkSync('nowhere', join(directory.path, 'secrets'))
    expect(await directory.refused()).toEqual(code('secrets-dir-irregular', '/secrets'))
    rmSync(join(directory.path, 'secrets'))
    symlinkSync('other', join(directory.path, 'secrets'))
    expect(await directory.paths()).toEqual(['secrets/B.enc'])
  })

  test('whose name no environment holds, or that would take over the command, are refused', async () => {
    expect(await new Directory('secrets/a-b.enc').refused()).toEqual(code('name-bad', 'a-b'))
    const path = new Directory('secrets/PATH.enc')
    expect(await path.refused()).toEqual(code('name-refused', 'PATH'))
    expect(await path.paths('--allow=PATH')).toEqual(['secrets/PATH.enc'])
  })
})

describe('--only', () => {
  const files = ['.env.enc', 'secrets/A.enc', 'secrets/B.enc', 'secrets/a-b.enc']

  test('leaves other secret files out, and the env file where every name has a file of its own', async () => {
    expect(await new Directory(...files).paths('--only=A')).toEqual(['secrets/A.enc'])
    expect(await new Directory(...files).paths('--only=B,A')).toEqual(['secrets/A.enc', 'secrets/B.enc'])
  })

  test('takes the env file for a name that has no file', async () => {
    expect(await new Directory(...files).paths('--only=A,C')).toEqual(['.env.enc', 'secrets/A.enc'])
  })
})

describe('the root', () => {
  test('is a directory, from the working directory on', async () => {
    const directory = new Directory('below/.env.enc', 'below/secrets/A.enc', 'file')
    expect(await directory.paths('--root=below')).toEqual(['below/.env.enc', 'below/secrets/A.enc'])
    for (const root of ['none', 'file', 'file/below'])
      expect(await directory.refused('--root', root)).toEqual(code('root-missing', root))
  })

  test('where nothing is has no sources', async () => {
    expect(await new Directory().located()).toEqual({ sources: [], leftover: undefined })
  })
})

test('with --only every other file is left out, whatever there is, and the env file where all names have files', async () => {
  const names = ['A', 'B', 'C', 'D']
  const [there, only] = [fc.subarray(names), fc.subarray(names, { minLength: 1 })]
  await fc.assert(
    fc.asyncProperty(there, only, fc.boolean(), async (files, wanted, hasEnvFile) => {
      const directory = new Directory(
        'secrets/README',
        ...files.map((name) => `secrets/${name}.enc`),
        ...(hasEnvFile ? ['.env.enc'] : []),
      )
      const envFile = hasEnvFile && wanted.some((name) => !files.includes(name)) ? ['.env.enc'] : []
      const secrets = files.filter((name) => wanted.includes(name)).map((name) => `secrets/${name}.enc`)
      expect(await directory.paths('--only', wanted.join())).toEqual([...envFile, ...secrets])
    }),
    { numRuns: 150 },
  )
})
