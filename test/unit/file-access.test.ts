import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import {
  couldRead,
  couldReplace,
  directoriesTo,
  othersCouldRead,
  othersCouldReplace,
} from '../../src/file-access.ts'

const AGENT = { uid: 1000, groups: [1000, 2000] }

/** A tree below a directory of root's: each path with owner, group and mode; a path that ends with a slash is a directory. */
function tree(...entries: Array<[path: string, uid: number, gid: number, mode: number]>): string {
  const root = mkdtempSync(join(tmpdir(), 'disinto-access-'))
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  chmodSync(root, 0o755)
  for (const [path, uid, gid, mode] of entries) {
    const at = join(root, path)
    mkdirSync(path.endsWith('/') ? at : dirname(at), { recursive: true })
    if (!path.endsWith('/')) writeFileSync(at, '')
    chownSync(at, uid, gid)
    chmodSync(at, mode)
  }
  return root
}

describe.runIf(process.getuid?.() === 0)('a user (needs root)', () => {
  test.each<[what: string, of: [uid: number, gid: number, mode: number], can: boolean]>([
    ['root’s own, 0600', [0, 0, 0o600], false],
    ['root’s, for everybody', [0, 0, 0o644], true],
    ['for a group of theirs', [0, 2000, 0o640], true],
    ['for a group of others', [0, 3000, 0o640], false],
    ['their own', [1000, 0, 0o400], true],
    ['their own, closed: the owner can open it', [1000, 0, 0o000], true],
    ['closed to their group alone', [0, 1000, 0o604], false],
  ])('can read a file that is %s: %j', (_, [uid, gid, mode], can) => {
    const root = tree(['d/', 0, 0, 0o755], ['d/keys.txt', uid, gid, mode])
    expect(couldRead(join(root, 'd/keys.txt'), AGENT)).toBe(can)
    chmodSync(join(root, 'd'), 0o700)
    expect(couldRead(join(root, 'd/keys.txt'), AGENT), 'below a closed directory').toBe(false)
  })

  test('who is in a directory already need not be let through to it', () => {
    const root = tree(
      ['closed/', 0, 0, 0o700],
      ['closed/keys/', 0, 0, 0o755],
      ['closed/keys/keys.txt', 1000, 0, 0o600],
      ['closed/keys/below/', 0, 0, 0o755],
    )
    const key = join(root, 'closed/keys/keys.txt')
    const from = (path: string) => couldRead(key, { ...AGENT, within: directoriesTo(join(root, path)) })
    expect(couldRead(key, AGENT)).toBe(false)
    expect(from('')).toBe(false)
    expect(from('closed')).toBe(false)
    expect(from('closed/keys')).toBe(true)
    expect(from('closed/keys/below')).toBe(true)
    expect(from('nowhere')).toBe(false)
  })

  test('can move what lies in a directory that they can write, unless it is sticky and not theirs', () => {
    const root = tree(
      ['home/', 0, 1000, 0o775],
      ['home/sops/', 0, 0, 0o700],
      ['home/sops/keys.txt', 0, 0, 0o600],
    )
    const key = join(root, 'home/sops/keys.txt')
    expect(couldReplace(key, AGENT)).toBe(true)
    chmodSync(join(root, 'home'), 0o1775)
    expect(couldReplace(key, AGENT)).toBe(false)
    chownSync(join(root, 'home'), 1000, 1000)
    expect(couldReplace(key, AGENT)).toBe(true)
  })

  test('can do nothing below a directory that they may not enter, whose it all may be', () => {
    const root = tree(
      ['top/', 0, 0, 0o700],
      ['top/age/', 1000, 1000, 0o700],
      ['top/age/keys.txt', 1000, 1000, 0o600],
    )
    const key = join(root, 'top/age/keys.txt')
    expect([couldRead(key, AGENT), couldReplace(key, AGENT)]).toEqual([false, false])
    // By another way to the same file.
    const other = tree(['open/', 1000, 0, 0o755], ['open/keys.txt', 1000, 0, 0o600])
    symlinkSync(join(other, 'open/keys.txt'), join(root, 'top/link'))
    const link = join(root, 'top/link')
    expect([couldRead(link, AGENT), couldReplace(link, AGENT)]).toEqual([true, true])
  })

  test('can write a file that is theirs, or open to them', () => {
    const root = tree(['a', 1000, 0, 0o400], ['b', 0, 2000, 0o660], ['c', 0, 0, 0o644])
    expect(['a', 'b', 'c'].map((name) => couldReplace(join(root, name), AGENT))).toEqual([true, true, false])
  })

  test('can lead a link elsewhere where they can write beside it, or beside what it leads to', () => {
    const root = tree(
      ['safe/', 0, 0, 0o755],
      ['open/', 1000, 0, 0o755],
      ['open/real', 0, 0, 0o600],
      ['safe/real', 0, 0, 0o600],
    )
    symlinkSync('../open/real', join(root, 'safe/link'))
    symlinkSync('../safe/real', join(root, 'open/link'))
    symlinkSync('real', join(root, 'safe/good'))
    const can = (path: string) => couldReplace(join(root, path), AGENT)
    expect([can('safe/link'), can('open/link'), can('safe/good')]).toEqual([true, true, false])
  })

  test('a file that is not there, or a circle of links, is told by its system error', () => {
    const root = tree()
    symlinkSync('b', join(root, 'a'))
    symlinkSync('a', join(root, 'b'))
    expect(() => couldRead(join(root, 'x'), AGENT)).toThrow(expect.objectContaining({ code: 'ENOENT' }))
    expect(() => couldRead(join(root, 'a'), AGENT)).toThrow(expect.objectContaining({ code: 'ELOOP' }))
  })
})

describe.runIf(process.getuid?.() === 0)('others than root (need root)', () => {
  test.each<[what: string, of: [uid: number, gid: number, mode: number], can: boolean]>([
    ['root’s alone', [0, 0, 0o755], false],
    ['with its group root', [0, 0, 0o775], false],
    ['with another group', [0, 50, 0o2775], true],
    ['for everybody', [0, 0, 0o777], true],
    ['somebody’s', [1000, 0, 0o755], true],
  ])('can write a directory that is %s: %j', (_, [uid, gid, mode], can) => {
    const root = tree(['d/', uid, gid, mode], ['d/sub/', 0, 0, 0o755])
    expect(othersCouldReplace(join(root, 'd'))).toBe(can)
    expect(othersCouldReplace(join(root, 'd/sub'))).toBe(can)
    expect(othersCouldReplace(join(root, 'd/not-there')), 'made').toBe(can)
  })

  test('can’t move what root has in a sticky directory, and can make what is not there', () => {
    const root = tree(['tmp/', 0, 0, 0o1777], ['tmp/mine/', 0, 0, 0o700], ['tmp/theirs/', 1000, 0, 0o700])
    const could = (path: string) => othersCouldReplace(join(root, 'tmp', path))
    expect([could('mine'), could('theirs'), could('not-there'), could('')]).toEqual([false, true, true, true])
  })

  test('can make what a link to nothing leads to; nobody can change /dev/null', () => {
    const root = tree(['d/', 0, 0, 0o755])
    symlinkSync(join(root, 'nothing'), join(root, 'd/link'))
    expect(othersCouldReplace(join(root, 'd/link'))).toBe(true)
    expect(othersCouldReplace('/dev/null')).toBe(false)
  })

  test('can read what the mode allows, as far as its directories let them', () => {
    const root = tree(['d/', 0, 0, 0o711], ['d/f', 0, 0, 0o604])
    expect(othersCouldRead(join(root, 'd/f'))).toBe(true)
    chmodSync(join(root, 'd'), 0o700)
    expect(othersCouldRead(join(root, 'd/f'))).toBe(false)
  })
})
