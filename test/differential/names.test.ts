import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { checkName } from '../../src/load/names.ts'
import { program } from './reference.ts'

const refused = (name: string) => {
  try {
    checkName(name, '.env', new Set())
    return false
  } catch {
    return true
  }
}

test('every SOPS_ variable in the sops program is refused', () => {
  const found =
    readFileSync(program)
      .toString('latin1')
      .match(/SOPS_[A-Z][A-Z0-9_]+/g) ?? []
  const names = [...new Set(found)]
  expect(names.length).toBeGreaterThan(15)
  // Strings stand end to end in a Go program, so that the next may hang on to a name.
  const unknown = names.filter((name) => ![...name].some((_, at) => at > 4 && refused(name.slice(0, at + 1))))
  expect(unknown).toEqual([])
})
