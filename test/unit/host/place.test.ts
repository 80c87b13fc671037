import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { PLACE_FILE, placeFor, placeOf } from '../../../src/host/place.ts'

function world() {
  const top = realpathSync(mkdtempSync(join(tmpdir(), 'disinto-place-')))
  onTestFinished(() => rmSync(top, { recursive: true }))
  const base = join(top, 'age')
  const root = join(top, 'app')
  mkdirSync(base)
  mkdirSync(root)
  const key = (directory: string, recipient: string) => {
    mkdirSync(join(base, directory, 'agents'), { recursive: true })
    writeFileSync(join(base, directory, 'agents/keys.txt'), `# public key: ${recipient}\n`)
  }
  const bind = (directory: string, at: string) => {
    mkdirSync(join(base, directory), { recursive: true })
    writeFileSync(join(base, directory, PLACE_FILE), JSON.stringify(placeOf(at, base)))
  }
  return { top, base, root, key, bind }
}

test('a first project has the directory that is called after it', () => {
  const { base, root } = world()
  expect(placeFor(base, 'app', root)).toBe(join(base, 'app'))
})

test('a second one of the same name has another, and keeps it', () => {
  const { top, base, root, bind } = world()
  const other = join(top, 'x/app')
  mkdirSync(other, { recursive: true })
  bind('app', root)
  const found = placeFor(base, 'app', other)
  expect(found).toMatch(/\/app-[0-9a-f]{8}$/)
  bind(found.slice(base.length + 1), other)
  expect(placeFor(base, 'app', other)).toBe(found)
  expect(placeFor(base, 'app', root)).toBe(join(base, 'app'))
})

test('keys from before there were marks are those of the project whose rules name them', () => {
  const { base, root, key } = world()
  key('app', 'age1mine')
  writeFileSync(join(root, '.sops.yaml'), 'creation_rules:\n  - age: age1other\n')
  expect(placeFor(base, 'app', root)).not.toBe(join(base, 'app'))
  writeFileSync(join(root, '.sops.yaml'), 'creation_rules:\n  - age: age1mine\n')
  expect(placeFor(base, 'app', root)).toBe(join(base, 'app'))
})

test('what names another project’s key does not get it while that project is there', () => {
  const { top, base, root, key, bind } = world()
  const other = join(top, 'evil')
  mkdirSync(other)
  key('app', 'age1mine')
  bind('app', root)
  writeFileSync(join(other, '.sops.yaml'), 'creation_rules:\n  - age: age1mine\n')
  expect(placeFor(base, 'evil', other)).toBe(join(base, 'evil'))
  // Moved: it is nobody's now but of who names it.
  rmSync(root, { recursive: true })
  expect(placeFor(base, 'evil', other)).toBe(join(base, 'app'))
})
