import { spawn } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { inTurn } from '../../../../src/host/files/lock.ts'
import { bundled } from '../bundled.ts'

const MODULE = bundled("export { inTurn } from './files/lock.ts'")

function home(): string {
  const path = mkdtempSync(join(tmpdir(), 'disinto-lock-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

const at = (directory: string) => new Map([['HOME', directory]])

/** A process that does something in its turn. */
function another(directory: string, work: string) {
  const script = `
    import { inTurn } from '${MODULE}'
    import { readFileSync, writeFileSync } from 'node:fs'
    const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds))
    await inTurn(new Map([['HOME', '${directory}']]), 'name', async () => { ${work} })
  `
  return spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

const ended = (child: ReturnType<typeof another>) =>
  new Promise<number | null>((done) => {
    child.on('close', done)
  })

test('what many processes do in turn, they do one at a time', async () => {
  const directory = home()
  const file = join(directory, 'counter')
  writeFileSync(file, '0')
  const step = `const seen = Number(readFileSync('${file}', 'utf8')); await pause(10); writeFileSync('${file}', String(seen + 1))`
  const work = `for (let step = 0; step < 3; step += 1) { ${step} }`
  const all = Array.from({ length: 6 }, () => ended(another(directory, work)))
  expect(await Promise.all(all)).toEqual(Array(6).fill(0))
  expect(readFileSync(file, 'utf8')).toBe('18')
})

test('within a process, too, and the second gets its turn when the first has failed', async () => {
  const directory = home()
  const told: string[] = []
  const first = inTurn(at(directory), 'name', async () => {
    told.push('first begins')
    await new Promise((resolve) => setTimeout(resolve, 50))
    told.push('first ends')
    throw new Error('on purpose')
  })
  const second = inTurn(at(directory), 'name', async () => told.push('second'))
  await expect(first).rejects.toThrow('on purpose')
  await second
  expect(told).toEqual(['first begins', 'first ends', 'second'])
})

test('other names do not wait', async () => {
  const directory = home()
  const inner = inTurn(at(directory), 'one', () => inTurn(at(directory), 'other', async () => 'both'))
  expect(await inner).toBe('both')
})

test('one that was killed in its turn is not waited for', async () => {
  const directory = home()
  const holder = another(directory, `console.log('mine'); await pause(1e8)`)
  await new Promise((resolve) => holder.stdout.once('data', resolve))
  const gone = ended(holder)
  holder.kill('SIGKILL')
  await gone
  expect(await inTurn(at(directory), 'name', async () => 'mine')).toBe('mine')
  const [queue = ''] = readdirSync(join(directory, '.cache/disinto'))
  expect(readdirSync(join(directory, '.cache/disinto', queue))).toEqual([])
})

test('what others can enter is no place for it', async () => {
  const directory = home()
  const cache = join(directory, '.cache/disinto')
  mkdirSync(cache, { recursive: true })
  chmodSync(cache, 0o777)
  const runtime = join(directory, 'runtime')
  mkdirSync(runtime, { mode: 0o700 })
  const variables = new Map([...at(directory), ['XDG_RUNTIME_DIR', runtime]])
  expect(await inTurn(variables, 'name', async () => 'mine')).toBe('mine')
  expect(readdirSync(cache)).toEqual([])
  expect(readdirSync(join(runtime, 'disinto'))).toHaveLength(1)
})
