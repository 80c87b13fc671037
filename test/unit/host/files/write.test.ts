import {
  chmodSync,
  lstatSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { lendTerminal, whenLeaving } from '../../../../src/host/files/cleanup.ts'
import { removeLeftovers, temporaryName } from '../../../../src/host/files/leftovers.ts'
import { checkUnlinked, prepareFile, writeFile } from '../../../../src/host/files/write.ts'
import { Place } from '../../../helpers/place.ts'

const BYTES = Buffer.from('new')

describe('a file that is written', () => {
  test('has its bytes, mode 0600, and nothing left beside it', async () => {
    const { root } = new Place()
    await writeFile(join(root, 'f'), BYTES)
    expect(readFileSync(join(root, 'f'), 'utf8')).toBe('new')
    expect(statSync(join(root, 'f')).mode & 0o7777).toBe(0o600)
    expect(readdirSync(root)).toEqual(['f'])
  })

  test('over another keeps the mode of that', async () => {
    const place = new Place()
    const path = place.write('f', 'old')
    chmodSync(path, 0o640)
    await writeFile(path, BYTES, { over: Buffer.from('old') })
    expect(statSync(path).mode & 0o7777).toBe(0o640)
  })

  test('over a link is what the link points at', async () => {
    const place = new Place()
    const target = place.write('target', 'old')
    symlinkSync('target', join(place.root, 'link'))
    await writeFile(join(place.root, 'link'), BYTES)
    expect(lstatSync(join(place.root, 'link')).isSymbolicLink()).toBe(true)
    expect(readFileSync(target, 'utf8')).toBe('new')
  })

  test('as a new one is refused where there is one, be it a link to nothing', async () => {
    const place = new Place()
    place.write('f', 'old')
    symlinkSync('nothing', join(place.root, 'dangling'))
    for (const name of ['f', 'dangling'])
      await expect(writeFile(join(place.root, name), BYTES, { over: 'new' })).rejects.toMatchObject({
        code: 'file-exists',
      })
    expect(readFileSync(join(place.root, 'f'), 'utf8')).toBe('old')
    expect(readdirSync(place.root).sort()).toEqual(['dangling', 'f'])
  })

  test('over one that another process has changed meanwhile is refused, and that stays', async () => {
    const place = new Place()
    const path = place.write('f', 'old')
    const prepared = await prepareFile(path, BYTES, { over: Buffer.from('old') })
    writeFileSync(path, 'other')
    expect(() => prepared.check()).toThrow(/was changed by another process/)
    expect(() => prepared.commit()).toThrow(/was changed by another process/)
    expect(readFileSync(path, 'utf8')).toBe('other')
    expect(readdirSync(place.root)).toEqual(['f'])
  })

  test('and found wrong does not get its name', async () => {
    const place = new Place()
    const path = place.write('f', 'old')
    const verify = () => {
      throw new Error('wrong')
    }
    await expect(writeFile(path, BYTES, { verify })).rejects.toThrow('wrong')
    expect(readFileSync(path, 'utf8')).toBe('old')
    expect(readdirSync(place.root)).toEqual(['f'])
  })

  test('where there is no directory is told with the reason', async () => {
    const { root } = new Place()
    await expect(writeFile(join(root, 'no/f'), BYTES)).rejects.toMatchObject({
      code: 'write-failed',
      message: expect.stringContaining('ENOENT'),
    })
  })

  test('and given up is gone', async () => {
    const { root } = new Place()
    const prepared = await prepareFile(join(root, 'f'), BYTES)
    expect(readdirSync(root)).toHaveLength(1)
    prepared.discard()
    expect(readdirSync(root)).toEqual([])
  })
})

describe('what killed writers have left', () => {
  test('goes, in the directories and in those below the parent; what is being written stays', () => {
    const place = new Place()
    const mine = temporaryName(place.root)
    // No process has this number (PID_MAX_LIMIT, 2 to the 22nd).
    const left = mine.replace(`-${process.pid}-`, '-4194305-').slice(place.root.length + 1)
    const foreign = left.replace(/-[0-9a-f]{8}-/, '-00000000-')
    for (const name of [left, foreign, mine.slice(place.root.length + 1), 'f']) place.write(name, 'x')
    place.write(`keys/agents/${left}`, 'x')
    removeLeftovers([place.root, join(place.root, 'nowhere')], join(place.root, 'keys'))
    expect(new Set(readdirSync(place.root))).toEqual(
      new Set([foreign, mine.slice(place.root.length + 1), 'f', 'keys']),
    )
    expect(readdirSync(join(place.root, 'keys/agents'))).toEqual([])
  })
})

describe('what is to be undone', () => {
  test('can be taken back, and the terminal that was lent comes back', async () => {
    const forget = whenLeaving(() => {})
    expect(() => forget()).not.toThrow()
    expect(await lendTerminal(async () => 3)).toBe(3)
    await expect(lendTerminal(() => Promise.reject(new Error('x')))).rejects.toThrow('x')
  })
})

test('a file where the directory should be is told as what can’t be written', () => {
  const place = new Place()
  place.write('secrets', '')
  expect(() => checkUnlinked(place.root, join(place.root, 'secrets/A.enc'))).toThrow(/ENOTDIR/)
})
