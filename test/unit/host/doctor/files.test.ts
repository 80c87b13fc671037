import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { sealAgeFile } from '../../../../src/age/file.ts'
import { generateKey } from '../../../../src/age/keygen.ts'
import { examineFiles } from '../../../../src/host/doctor/files.ts'
import { sealJson } from '../../../../src/sops/seal.ts'
import { MARK, Place } from '../../../helpers/place.ts'

async function codes(place: Place, variables: Record<string, string> = {}): Promise<string[]> {
  const findings = await examineFiles(place.context(variables))
  expect(JSON.stringify(findings)).not.toContain(MARK)
  return findings.map(({ severity, code }) => `${severity} ${code}`)
}

async function sound(): Promise<Place> {
  const place = new Place().withKey()
  place.rules()
  await place.secret('A_TOKEN')
  await place.envFile(`FORGE_URL=${MARK}\n`)
  return place
}

test('a project in order has nothing that is wrong', async () => {
  const told = await codes(await sound())
  expect(told.filter((one) => one.startsWith('error'))).toEqual([])
})

test('an empty project has nothing to tell', async () => {
  expect(await codes(new Place())).toEqual([])
})

test.for<[what: string, spoil: (place: Place) => unknown, code: string]>([
  ['plaintext beside secrets', (place) => place.write('secrets/notes.txt', MARK), 'warning secrets-stray'],
  ['an old vault file', (place) => place.write('.env.vault.enc', 'x'), 'warning vault-env-old'],
  ['a file that holds another name', (place) => place.secret('B', undefined, 'C'), 'error name-mismatch'],
  ['a refused name', (place) => place.secret('LD_PRELOAD'), 'error name-refused'],
  [
    'a damaged file',
    (place) => appendFileSync(`${place.root}/secrets/A_TOKEN.enc`, 'x'),
    'error source-not-encrypted',
  ],
  [
    'plaintext where ciphertext belongs',
    (place) => place.write('secrets/B.enc', MARK),
    'error source-not-encrypted',
  ],
  ['an empty file', (place) => place.write('secrets/B.enc', ''), 'error source-empty'],
  ['a file for somebody else', (place) => place.secret('B', [generateKey().recipient]), 'error key-wrong'],
  ['broken rules', (place) => place.write('.sops.yaml', 'creation_rules: [\n'), 'error sops-config'],
])('%s is found', async ([, spoil, code]) => {
  const place = await sound()
  await spoil(place)
  expect(await codes(place)).toContain(code)
})

test('a value that was changed after it was encrypted is an error', async () => {
  const place = await sound()
  const path = `${place.root}/secrets/A_TOKEN.enc`
  const text = readFileSync(path, 'utf8')
  writeFileSync(
    path,
    text.replace(/(ENC\[AES256_GCM,data:)(.)/, (_, start, letter) => `${start}${letter === 'A' ? 'B' : 'A'}`),
  )
  expect(await codes(place)).toContain('error file-tampered')
})

test('an age file, and a file that does not say which secret it holds, are warnings', async () => {
  const place = await sound()
  place.write('secrets/OLD.enc', await sealAgeFile(Buffer.from(MARK), [place.key.recipient]))
  place.write('secrets/BINARY.enc', await sealJson([['data', MARK]], [place.key.recipient]))
  expect(await codes(place)).toEqual(expect.arrayContaining(['warning age-left', 'warning file-nameless']))
})

test('secrets without rules are a warning', async () => {
  const place = new Place().withKey()
  await place.secret('A_TOKEN')
  expect(await codes(place)).toContain('warning rules-absent')
})

test('without any key, that a file can’t be opened is a warning', async () => {
  const place = new Place()
  place.rules()
  await place.secret('A_TOKEN')
  expect(await codes(place)).toContain('warning key-missing')
})

test('a name that is let through by DISINTO_ALLOW is none to tell', async () => {
  const place = await sound()
  await place.secret('LD_PRELOAD')
  expect(await codes(place, { DISINTO_ALLOW: 'LD_PRELOAD' })).not.toContain('error name-refused')
})

test('secrets/ that is a file is an error', async () => {
  const place = new Place().withKey()
  place.write('secrets', MARK)
  expect(await codes(place)).toEqual(['error secrets-dir-irregular'])
})
