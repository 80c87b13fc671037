import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { generateKey } from '../../../../src/age/keygen.ts'
import { examineKeys, serviceKeyFiles } from '../../../../src/host/doctor/keys.ts'
import { Place } from '../../../helpers/place.ts'

const codes = async (place: Place, variables: Record<string, string> = {}) =>
  (await examineKeys(place.context(variables))).map(({ severity, code }) => `${severity} ${code}`)

test('a key that its owner alone can read is nothing to tell', async () => {
  expect(await codes(new Place().withKey())).toEqual([])
})

test('without a key there is a warning with the way to one', async () => {
  const place = new Place()
  const [finding] = await examineKeys(place.context())
  expect(finding).toMatchObject({ code: 'key-absent', severity: 'warning' })
  expect(finding?.hint).toContain('disinto secrets keygen')
})

test.each([0o640, 0o604, 0o620, 0o666])('a key of mode %o is an error', async (mode) => {
  const place = new Place().withKey()
  chmodSync(join(place.home, '.config/sops/age/keys.txt'), mode)
  expect(await codes(place)).toEqual(['error key-file-open'])
})

test('a directory in which others could put another key is an error', async () => {
  const place = new Place().withKey()
  chmodSync(join(place.home, '.config/sops/age'), 0o777)
  expect(await codes(place)).toEqual(['error key-directory-open'])
})

test('a key file that is none is an error, and not taken for no key', async () => {
  const place = new Place()
  place.write('/home/.config/sops/age/keys.txt', 'hello\n')
  expect(await codes(place)).toEqual(['error key-unusable'])
})

test('a key that sops alone can use is a note', async () => {
  const place = new Place()
  place.write('/home/.config/sops/age/keys.txt', 'AGE-PLUGIN-YUBIKEY-1QQQ\n')
  expect(await codes(place)).toEqual(['note key-foreign'])
})

test('a service with a key of its own is nothing to tell, with the operator’s it is an error', async () => {
  const place = new Place().withKey()
  const { project } = place.context()
  const path = project.serviceKeyFile('agents') ?? ''
  place.write(path.slice(place.base.length), generateKey().text)
  expect([...serviceKeyFiles(place.context()).keys()]).toEqual(['agents'])
  expect(await codes(place)).toEqual([])
  place.write(path.slice(place.base.length), place.key.text)
  expect(await codes(place)).toEqual(['error service-key-is-operators'])
})

test('a service’s key that can’t be read is an error, and a directory without one is no service', async () => {
  const place = new Place().withKey()
  const path = place.context().project.serviceKeyFile('agents') ?? ''
  place.write(path.slice(place.base.length), 'hello\n')
  mkdirSync(join(path, '../../empty'))
  expect(await codes(place)).toEqual(['error key-unusable'])
  expect([...serviceKeyFiles(place.context()).keys()]).toEqual(['agents'])
})
