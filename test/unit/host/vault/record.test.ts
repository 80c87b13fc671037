import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { hostname, userInfo } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { lastRuns, openRecord, type Started } from '../../../../src/host/vault/record.ts'
import { Place } from '../../../helpers/place.ts'

const STARTED: Started = {
  id: 'p',
  run: 'run-1',
  secrets: ['TOKEN'],
  proposal: 'abc',
  approvedBy: 'me@example.org',
  startedAt: new Date(0),
}

function recorded() {
  const place = new Place()
  mkdirSync(join(place.root, 'vault'))
  const path = join(place.root, 'vault/runs.jsonl')
  const { project } = place.context()
  const lines = (): unknown[] =>
    readFileSync(path, 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((line): unknown => JSON.parse(line))
  return { path, project, lines }
}

describe('the record of runs', () => {
  test('has a line for the start and one for the end, names and no values', () => {
    const { project, lines } = recorded()
    const record = openRecord(project)
    record.start(STARTED)
    record.end({ ...STARTED, approvedBy: undefined }, { exitCode: 0 })
    record.close()
    const common = {
      id: 'p',
      run: 'run-1',
      secrets: ['TOKEN'],
      proposal: 'abc',
      by: userInfo().username,
      host: hostname(),
      startedAt: '1970-01-01T00:00:00.000Z',
    }
    expect(lines()).toEqual([
      { event: 'start', ...common, approvedBy: 'me@example.org' },
      { event: 'end', ...common, endedAt: expect.stringMatching(/^\d{4}-.*Z$/), exitCode: 0 },
    ])
  })

  test('says how a run ended: by a signal, by its time, or that it never started', () => {
    const { project, lines } = recorded()
    const record = openRecord(project)
    record.end(STARTED, { exitCode: 143, signal: 'SIGTERM' })
    record.end(STARTED, { exitCode: 137, timedOut: true })
    record.end(STARTED, { exitCode: null })
    record.close()
    expect(lines()).toEqual([
      expect.objectContaining({ exitCode: 143, signal: 'SIGTERM' }),
      expect.objectContaining({ exitCode: 137, timedOut: true }),
      expect.objectContaining({ exitCode: null }),
    ])
  })

  test('is added to, and of its owner', () => {
    const { project, lines, path } = recorded()
    for (const id of ['a', 'b']) {
      const record = openRecord(project)
      record.start({ ...STARTED, id })
      record.close()
    }
    expect(lines()).toHaveLength(2)
    expect(statSync(path).mode & 0o022).toBe(0)
  })

  test('that can’t be written stops a run before it starts', () => {
    const { project, path } = recorded()
    mkdirSync(path)
    expect(() => openRecord(project)).toThrow(expect.objectContaining({ code: 'run-unrecorded' }))
  })

  test('is never written through a link', () => {
    const { project, path } = recorded()
    symlinkSync(join(path, '../elsewhere'), path)
    expect(() => openRecord(project)).toThrow(expect.objectContaining({ code: 'run-unrecorded' }))
  })

  test('tells the last that is known of each ID; a line that was cut tells nothing', () => {
    const { project, path } = recorded()
    expect(lastRuns(project).size).toBe(0)
    writeFileSync(
      path,
      '{"id":"a","event":"start"}\n{"id":"b","event":"start"}\n{"id":"a","event":"end"}\n[]\n1\n{"id":1}\n{"id":"b","ev',
    )
    chmodSync(path, 0o600)
    expect([...lastRuns(project)]).toEqual([
      ['a', { id: 'a', event: 'end' }],
      ['b', { id: 'b', event: 'start' }],
    ])
  })

  test('that can’t be written says so, and is closed', () => {
    const { project, path } = recorded()
    const record = openRecord(project)
    record.close()
    expect(() => record.start(STARTED)).toThrow(
      expect.objectContaining({
        code: 'run-unrecorded',
        message: `${path}: can't be written (EBADF), and every run must be recorded`,
      }),
    )
  })

  test.each([
    ['a pipe', (path: string) => execFileSync('mkfifo', [path])],
    ['a directory', (path: string) => mkdirSync(path)],
    ['a link', (path: string) => symlinkSync('elsewhere', path)],
  ])('tells nothing where it is %s, and waits for nobody', (_, make) => {
    const { project, path } = recorded()
    writeFileSync(join(path, '../elsewhere'), '{"id":"a"}\n')
    make(path)
    expect(lastRuns(project).size).toBe(0)
  })

  test('is read from its end, however long it is', () => {
    const { project, path } = recorded()
    const [first, last] = ['{"id":"a"}\n', '{"id":"b"}\n{"id":"c"}\n']
    const most = 10 * 1024 * 1024
    writeFileSync(path, `${first}${' '.repeat(most - first.length - last.length - 1)}\n${last}`)
    expect([...lastRuns(project).keys()]).toEqual(['a', 'b', 'c'])
    writeFileSync(path, `${first}${' '.repeat(most - last.length - 1)}\n${last}`)
    expect([...lastRuns(project).keys()]).toEqual(['b', 'c'])
  })
})
