import { randomBytes } from 'node:crypto'
import { closeSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import { decodeBech32 } from '../../src/age/bech32.ts'
import { EXECVE, Project, seen } from '../shim/project.ts'
import { need } from './launch.ts'
import { filesHolding, formsOf, leaks, newFilesHolding, tracer } from './trace.ts'

beforeAll(() => need('strace'))

const PLACES = ['/tmp', '/var/tmp', '/dev/shm', '/run']

/** What looks different in every encoding, and is nowhere else. */
const fresh = (name: string) => `${name} "q" \\b é/+ ${randomBytes(12).toString('hex')} \t<&>`

interface Secrets {
  readonly project: Project
  readonly values: readonly string[]
  readonly key: string
}

function secrets(): Secrets {
  const project = new Project()
  const values = ['json', 'age', 'dotenv', 'yaml', 'binary'].map(fresh)
  const [json = '', age = '', dotenv = '', yaml = '', binary = ''] = values
  project.secret('BY_JSON', json)
  project.age('secrets/BY_AGE.enc', age)
  project.seal('.env.enc', 'dotenv', `IN_ENV='${dotenv}'\n`)
  project.seal('secrets/BY_YAML.enc', 'yaml', JSON.stringify({ BY_YAML: yaml }))
  project.seal('secrets/BY_BINARY.enc', 'binary', binary)
  const key = /AGE-SECRET-KEY-1\w+/.exec(readFileSync(project.keyFile, 'utf8'))?.[0] ?? ''
  expect(key).not.toBe('')
  return { project, values, key }
}

/** The only way to be sure that what finds nothing would find something. */
test('the trace shows a value that is written to a file, given as a word, or encoded', () => {
  const project = new Project()
  const value = fresh('leak')
  const script = `
    const fs = require('node:fs'), value = process.env.VALUE
    fs.writeFileSync('raw', value)
    fs.writeFileSync('base64', Buffer.from('x' + value).toString('base64'))
    fs.writeFileSync('json', JSON.stringify({ value }))
    require('node:child_process').spawnSync('true', [value])
    fs.writeSync(2, value)`
  const { through, calls } = tracer()
  const [first = '', ...rest] = [...through, process.execPath, '-e', script]
  const { spawnSync } = process.getBuiltinModule('node:child_process')
  spawnSync(first, rest, { cwd: project.directory, env: { ...process.env, VALUE: value } })
  const found = leaks(calls(), [value])
  expect([...new Set(found.map((leak) => leak.replace(/ \S*\//, ' ')))]).toEqual([
    'write to raw',
    'write to base64',
    'write to json',
    'execve to its words',
  ])
  expect(filesHolding([value], [project.directory]).map((path) => path.split('/').at(-1))).toEqual([
    'base64',
    'json',
    'raw',
  ])
})

describe.each(['builtin', 'sops', 'auto'])('a start by the %s engine', (engine) => {
  test('writes no value but to pipes, and gives none as a word; no file holds one afterwards', () => {
    const since = Date.now()
    const { project, values, key } = secrets()
    if (engine === 'builtin') {
      // YAML is what it leaves to sops.
      project.secret('BY_YAML', values[3] ?? '')
    }
    const { through, calls } = tracer()
    const words = [
      '--engine',
      engine,
      '--summary',
      '--verbose',
      '--',
      'sh',
      '-c',
      'test -n "$BY_JSON$IN_ENV"',
    ]
    const { status, stdout, stderr } = project.run(words, { through })
    expect({ status, stdout }, stderr).toEqual({ status: 0, stdout: '' })
    const all = calls()
    expect(all.filter(({ name }) => name === 'execve').length).toBeGreaterThan(engine === 'builtin' ? 1 : 2)
    expect(leaks(all, [...values, key])).toEqual([])
    expect(formsOf(`${stdout}${stderr}`).some((text) => values.some((value) => text.includes(value)))).toBe(
      false,
    )
    expect(filesHolding(values, [project.directory, project.home])).toEqual([])
    expect(
      newFilesHolding([...values, key], PLACES, since).filter((path) => path !== project.keyFile),
    ).toEqual([])
  })

  test('that fails after it has opened some of the files writes none of them either', () => {
    const { project, values, key } = secrets()
    if (engine === 'builtin') project.secret('BY_YAML', values[3] ?? '')
    project.secret('ZZ_LAST', fresh('last'))
    const text = project.read('secrets/ZZ_LAST.enc')
    project.write(
      'secrets/ZZ_LAST.enc',
      text.replace(/data:(.)/, (_, first) => `data:${first === 'A' ? 'B' : 'A'}`),
    )
    const { through, calls } = tracer()
    const { status } = project.run(['--engine', engine, '--', 'true'], { through })
    expect(status).toBe(125)
    expect(leaks(calls(), [...values, key])).toEqual([])
  })
})

describe.skipIf(!EXECVE)('once the command runs (Node 26)', () => {
  test.each(['file', 'SOPS_AGE_KEY', 'SOPS_AGE_KEY_CMD'])(
    'with the key from %s, no process of the run has the key in its environment or memory',
    async (from) => {
      const { project, values, key } = secrets()
      const env = {
        file: {},
        SOPS_AGE_KEY: { SOPS_AGE_KEY: key, HOME: '/nonexistent' },
        SOPS_AGE_KEY_CMD: { SOPS_AGE_KEY_CMD: `cat ${project.keyFile}`, HOME: '/nonexistent' },
      }[from]
      const child = project.start(['--', 'sh', '-c', 'echo ready; read line; exit 7'], { env: env ?? {} })
      const end = new Promise((resolve) => child.on('exit', resolve))
      await seen(child.stdout, /ready/)
      const pid = child.pid ?? 0
      const scalar = decodeBech32(key, 'AGE-SECRET-KEY-') ?? Buffer.alloc(0)
      expect(scalar.length).toBe(32)
      const environ = readFileSync(`/proc/${pid}/environ`)
      expect(environ.includes(values[0] ?? '')).toBe(true)
      expect(environ.includes(key)).toBe(false)
      // The values are there, in its environment, so what is searched is what there is to search.
      expect(memoryHolds(pid, Buffer.from(values[0] ?? ''))).toBe(true)
      expect(memoryHolds(pid, Buffer.from(key))).toBe(false)
      expect(memoryHolds(pid, Buffer.from(scalar))).toBe(false)
      const others = processes().filter(({ environment }) =>
        [key, ...values].some((text) => environment.includes(Buffer.from(text).toString('latin1'))),
      )
      expect(others.map((other) => other.pid)).toEqual([pid])
      child.stdin.write('\n')
      expect(await end).toBe(7)
    },
  )
})

function processes(): Array<{ pid: number; environment: string }> {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const environment = readFileSync(`/proc/${name}/environ`, 'latin1')
        const words = readFileSync(`/proc/${name}/cmdline`, 'latin1')
        return [{ pid: Number(name), environment: environment + words }]
      } catch {
        return []
      }
    })
}

/** Whether the bytes are in memory that the process has mapped (proc_pid_mem(5)); root reads what is anybody's. */
function memoryHolds(pid: number, bytes: Buffer): boolean {
  const memory = openSync(`/proc/${pid}/mem`, 'r')
  try {
    for (const line of readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n')) {
      const [, from, to, rights] = /^([0-9a-f]+)-([0-9a-f]+) (\S+)/.exec(line) ?? []
      if (from === undefined || to === undefined || rights?.startsWith('r') !== true) continue
      const start = BigInt(`0x${from}`)
      const buffer = Buffer.alloc(Number(BigInt(`0x${to}`) - start))
      try {
        readSync(memory, buffer, 0, buffer.length, start)
      } catch {
        continue
      }
      if (buffer.includes(bytes)) return true
    }
    return false
  } finally {
    closeSync(memory)
  }
}
