import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { MAX_FILE_BYTES } from '../../src/load/read.ts'
import { sealJson } from '../../src/sops/seal.ts'
import { expectRefusal, MARK, Project } from '../shim/project.ts'
import { launch, shimWords } from './launch.ts'

/** What ends by this has hung: its status is 124. */
const UNLESS_IT_HANGS = ['timeout', '120']
const PLACES = ['.env.enc', '.env', 'secrets/TOKEN.enc']
const MIB = 1024 * 1024

const KINDS: Readonly<Record<string, (path: string) => void>> = {
  'a FIFO that nobody writes to': (path) => spawnSync('mkfifo', [path]),
  'an endless device': (path) => symlinkSync('/dev/zero', path),
  'a device that is always full': (path) => symlinkSync('/dev/full', path),
  'a terminal': (path) => symlinkSync('/dev/ptmx', path),
  'the random device': (path) => symlinkSync('/dev/urandom', path),
  'a directory': (path) => mkdirSync(path),
  'a link to itself': (path) => symlinkSync(path, path),
  'a dangling link': (path) => symlinkSync('/nonexistent/x', path),
  'a link to a file of the system': (path) => symlinkSync('/etc/passwd', path),
  'a link to a file that says it is empty and is not': (path) => symlinkSync('/proc/self/environ', path),
  'a link to memory': (path) => symlinkSync('/proc/self/mem', path),
  'a sparse file of a terabyte': (path) => spawnSync('truncate', ['-s', '1T', path]),
}

describe.each(PLACES)('as %s', (place) => {
  // A .env may hold anything that dotenv reads, and dotenv reads nothing at all from /etc/passwd.
  const kinds = Object.entries(KINDS).filter(([kind]) => place !== '.env' || !/system|and is not/.test(kind))

  test.each(kinds)('%s is refused at once, and the command does not start', (_, make) => {
    const project = new Project()
    mkdirSync(project.path('secrets'))
    make(project.path(place))
    const result = project.run(['--', 'echo', 'started'], { through: UNLESS_IT_HANGS })
    expectRefusal(result)
  })
})

test('a socket in the place of a file is refused', async () => {
  const project = new Project()
  mkdirSync(project.path('secrets'))
  const server = createServer().listen(project.path('secrets/TOKEN.enc'))
  onTestFinished(() => {
    server.close()
  })
  await new Promise((resolve) => server.once('listening', resolve))
  project.refused([], { through: UNLESS_IT_HANGS })
})

test('a link out of the directory is followed, and what it leads to must be as good as any other', () => {
  const project = new Project()
  const elsewhere = new Project()
  project.secret('TOKEN', MARK)
  renameSync(project.path('secrets/TOKEN.enc'), elsewhere.path('x'))
  symlinkSync(elsewhere.path('x'), project.path('secrets/TOKEN.enc'))
  expect(project.load().get('TOKEN')).toBe(MARK)
  // Under another name it is another secret's.
  symlinkSync(elsewhere.path('x'), project.path('secrets/OTHER.enc'))
  expect(project.refused()).toContain('OTHER.enc')
})

/** Content that makes careless readers slow or large; each as long as a file may be. */
const fill = (text: string) => text.repeat(Math.ceil(MAX_FILE_BYTES / text.length)).slice(0, MAX_FILE_BYTES)
const META = '\nsops_mac=x\nsops_version=3.9.0\nsops_lastmodified=2024-01-01T00:00:00Z\n'
const LARGE: Readonly<Record<string, string>> = {
  'line feeds': fill('\n'),
  zeros: fill('\0'),
  'lists in lists': fill('{"sops":['.slice(0, 8).concat('[')),
  'one list in another, ten million deep': `{"a":${fill('[').slice(0, -40)}`,
  'one string': `{"sops":{"a":"${fill('x').slice(0, -40)}"}}`,
  'escaped quotes': `{"sops":{"a":"${fill('\\"').slice(0, -42)}"}}`,
  'members of one name': `{${fill('"a":1,').slice(0, -60)}"b":1,"sops":{"mac":"x"}}`,
  'numbers that never end': `{"sops":{"a":${fill('9').slice(0, -40)}}}`,
  'lines that assign nothing': `${fill('a=\n').slice(0, -90)}${META}`,
  'one line that assigns much': `a=${fill('ENC[AES256_GCM,data:').slice(0, -90)}${META}`,
  comments: `${fill('#ENC[AES256_GCM,data:,iv:,tag:,type:comment]\n').slice(0, -100)}${META}`,
  'metadata of ten thousand keys': `a=b${META}${fill('sops_age__list_9999__map_enc=x\n').slice(0, -90)}`,
  quotes: `${fill('"\'`').slice(0, -90)}${META}`,
  'armor without an end': fill(`-----BEGIN AGE ENCRYPTED FILE-----\n${'A'.repeat(64)}\n`),
  'blanks before an armor': `${fill(' \n').slice(0, -64)}-----BEGIN AGE ENCRYPTED FILE-----\n`,
  'stanzas without an end': fill(`age-encryption.org/v1\n-> X25519 ${'a'.repeat(43)}\n${'b'.repeat(43)}\n`),
  'a stanza of arguments': `age-encryption.org/v1\n-> ${fill('a ').slice(0, -60)}\n`,
  'a body without an end': `age-encryption.org/v1\n-> X25519 a\n${fill(`${'A'.repeat(64)}\n`).slice(0, -60)}`,
  YAML: `sops:\n${fill('  a: &a [*a, *a]\n').slice(0, -10)}`,
}

describe('a file as large as the reader takes (10 MiB), full of', () => {
  test.each(Object.entries(LARGE))('%s, is refused, with less than 1 GiB', (_, content) => {
    const project = new Project()
    project.write('secrets/TOKEN.enc', content)
    const env = Object.entries(project.environment()).map(([name, value]) => `${name}=${value}`)
    const words = ['timeout', '120', ...shimWords(), '--engine', 'builtin', '--', 'echo', 'started']
    const { status, memory, output } = launch(words, { env, limits: { CORE: [0, 0] } }, project.directory)
    const told = Buffer.from(output, 'base64').toString()
    expect({ status, told }).toEqual({ status: 125, told: expect.stringMatching(/^\|?disinto: error: /) })
    expect(told.length).toBeLessThan(2000)
    expect(memory).toBeLessThan(1024 * MIB)
  })
})

test('one byte more than 10 MiB is refused for its size alone', () => {
  const project = new Project()
  project.write('secrets/TOKEN.enc', Buffer.alloc(MAX_FILE_BYTES + 1))
  expect(project.refused()).toMatch(/10 MiB|10485760/)
})

test('ten thousand secret files are all loaded', async () => {
  const project = new Project()
  const count = 10_000
  mkdirSync(project.path('secrets'))
  // Sealed once and written often would be one data key for all; but sealing is what takes the time here.
  const names = Array.from({ length: count }, (_, at) => `SECRET_${at}`)
  for (const name of names) {
    writeFileSync(
      project.path('secrets', `${name}.enc`),
      await sealJson([[name, `${MARK}-${name}`]], [project.recipient]),
    )
  }
  const loaded = project.load([], { through: UNLESS_IT_HANGS })
  expect(names.filter((name) => loaded.get(name) !== `${MARK}-${name}`)).toEqual([])
  // One of them that is not good stops them all.
  project.write('secrets/SECRET_7777.enc', 'rubbish')
  expect(project.refused([], { through: UNLESS_IT_HANGS })).toContain('SECRET_7777.enc')
})

test('directories, links and other names among ten thousand are no secrets', () => {
  const project = new Project()
  project.secret('TOKEN', MARK)
  for (let at = 0; at < 10_000; at += 1) writeFileSync(project.path('secrets', `${at}.txt`), '')
  mkdirSync(project.path('secrets/deep/deeper.enc'), { recursive: true })
  expect(project.load().get('TOKEN')).toBe(MARK)
})

describe('a file that changes while it is read', () => {
  /** A process that goes through the given contents, over and over, until the test is over. */
  function changing(project: Project, how: 'rename' | 'overwrite', contents: readonly string[]): void {
    for (const [at, content] of contents.entries()) writeFileSync(`${project.directory}.${at}`, content)
    onTestFinished(() => {
      for (const at of contents.keys()) rmSync(`${project.directory}.${at}`, { force: true })
    })
    const script = `
      const fs = require('node:fs')
      const [target, how, ...sources] = process.argv.slice(1)
      const texts = sources.map((source) => fs.readFileSync(source))
      for (let turn = 0; ; turn += 1) {
        const text = texts[turn % texts.length]
        if (how === 'rename') { fs.writeFileSync(target + '.new', text); fs.renameSync(target + '.new', target) }
        else fs.writeFileSync(target, text)
      }`
    const sources = [...contents.keys()].map((at) => `${project.directory}.${at}`)
    const words = ['-e', script, project.path('secrets/TOKEN.enc'), how, ...sources]
    const child = spawn(process.execPath, words, { stdio: 'ignore' })
    onTestFinished(() => {
      child.kill('SIGKILL')
    })
  }

  function twoVersions(project: Project): readonly string[] {
    return ['first', 'second'].map((which) => {
      // Of very different lengths, so that a mixture would not be whole.
      project.secret('TOKEN', `${MARK}-${which}${which === 'first' ? '' : '-longer'.repeat(2000)}`)
      return project.read('secrets/TOKEN.enc')
    })
  }

  const outcomes = (project: Project, count: number) =>
    Array.from({ length: count }, () => {
      const { status, stdout, stderr } = project.run(['--', 'sh', '-c', 'printf %s "$TOKEN"'])
      if (status === 125) expect(stderr).toMatch(/^disinto: error: .*TOKEN\.enc/)
      return status === 125 ? 'refused' : stdout
    })

  test('by renaming another over it, is the one or the other', () => {
    const project = new Project()
    changing(project, 'rename', twoVersions(project))
    const whole = [`${MARK}-first`, `${MARK}-second${'-longer'.repeat(2000)}`]
    for (const outcome of outcomes(project, 20)) expect(whole).toContain(outcome)
  })

  test('by being overwritten in place, is the one, the other, or refused', () => {
    const project = new Project()
    changing(project, 'overwrite', twoVersions(project))
    const whole = [`${MARK}-first`, `${MARK}-second${'-longer'.repeat(2000)}`, 'refused']
    for (const outcome of outcomes(project, 20)) expect(whole).toContain(outcome)
  })

  test('into a FIFO, a directory, a link or nothing, is never waited for', () => {
    const project = new Project()
    project.secret('TOKEN', MARK)
    project.write('good', project.read('secrets/TOKEN.enc'))
    const script = `cd secrets; while :; do
      rm -rf TOKEN.enc; mkfifo TOKEN.enc; rm -f TOKEN.enc; mkdir TOKEN.enc; rmdir TOKEN.enc
      ln -s /dev/zero TOKEN.enc; rm -f TOKEN.enc; cp ../good TOKEN.enc; done`
    const child = spawn('sh', ['-c', script], { cwd: project.directory, stdio: 'ignore' })
    onTestFinished(() => {
      child.kill('SIGKILL')
    })
    for (let turn = 0; turn < 20; turn += 1) {
      const { status } = project.run(['--', 'true'], { through: UNLESS_IT_HANGS })
      expect([0, 125]).toContain(status)
    }
  })
})
