/** A MAC over what is encrypted alone: whoever can write the file can add names, and a start says which. */
import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { SOPS } from '../helpers/parts.ts'
import { MARK, Project } from './project.ts'

/** A file of real sops with one value that is encrypted and one that is not. */
function sealed(project: Project, type: 'json' | 'yaml' | 'dotenv', macOnlyEncrypted: boolean): string {
  const config = project.write(
    'config.yaml',
    `creation_rules:\n  - age: ${project.recipient}\n    mac_only_encrypted: ${macOnlyEncrypted}\n    encrypted_regex: ^A$\n`,
  )
  const words = ['--config', config, 'encrypt', '--input-type', 'json', '--output-type', type]
  const input = JSON.stringify({ A: MARK, CLEAR: 'x' })
  const ended = spawnSync(SOPS, [...words, '--filename-override', 'x'], {
    input,
    encoding: 'utf8',
  })
  expect(ended.status, ended.stderr).toBe(0)
  return ended.stdout
}

const ADDED = {
  json: ['{', '{"EVIL":"planted",'],
  yaml: ['', 'EVIL: planted\n'],
  dotenv: ['', 'EVIL=planted\n'],
} as const

test.each([
  ['json', 'builtin'],
  ['json', 'sops'],
  ['dotenv', 'builtin'],
  ['dotenv', 'sops'],
  ['yaml', 'sops'],
] as const)('in %s, opened by %s, what stands in the clear is named', (type, engine) => {
  const project = new Project()
  const [before, after] = ADDED[type]
  project.write('.env.enc', sealed(project, type, true).replace(before, after))
  const { status, stderr } = project.run(['--engine', engine, '--', 'true'])
  expect(status, stderr).toBe(0)
  expect(stderr).toMatch(/\.env\.enc: not encrypted, .* anyone could have written: EVIL, CLEAR$/m)
  expect(stderr).not.toMatch(MARK)
})

test.each(['builtin', 'sops'])('nobody without the key makes such a file of another, by %s', (engine) => {
  const project = new Project()
  const file = JSON.parse(sealed(project, 'json', false))
  delete file.CLEAR
  file.sops.mac_only_encrypted = true
  project.write('.env.enc', JSON.stringify(file))
  const { status, stderr } = project.run(['--engine', engine, '--', 'true'])
  expect(status).toBe(125)
  expect(stderr).toMatch(/\.env\.enc: was changed after it was encrypted/)
})

test.each(['builtin', 'sops'])('nothing is said where the MAC covers all, by %s', (engine) => {
  const project = new Project()
  project.write('.env.enc', sealed(project, 'json', false))
  const { stderr } = project.run(['--engine', engine, '--', 'true'])
  expect(stderr).toBe('')
})
