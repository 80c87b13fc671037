/** Where the fuzzer begins: files that real sops and age wrote, and the public age vectors. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as vectors from 'cctv-age'
import { fetchParts } from './fetch.mjs'

const PLACE = fileURLToPath(new URL('../.tools/fuzz', import.meta.url))

function output(program, words, input) {
  const { status, stdout, stderr } = spawnSync(program, words, { input, cwd: '/', maxBuffer: 2 ** 24 })
  if (status !== 0) throw new Error(`${program} ${words[0]}: ${stderr}`)
  return stdout
}

const ENV = `# a comment
FORGE_TOKEN=ghp_0123456789abcdef
export QUOTED="two\\nlines"
SINGLE='it is'
EMPTY=
URL=https://forge.example/?a=b#c
`
const TREE = JSON.stringify({ A: 'text', B: 1, C: 2.5, D: true, E: null, F: ['x', { y: 'z' }] })

async function make() {
  const { sops, age, ageKeygen } = await fetchParts(['sops', 'age'])
  const scratch = mkdtempSync(join(tmpdir(), 'disinto-fuzz-'))
  try {
    const key = output(ageKeygen, [], '').toString()
    const recipient = /age1[a-z0-9]+/.exec(key)[0]
    const other = /age1[a-z0-9]+/.exec(output(ageKeygen, [], '').toString())[0]
    const sealed = (type, text, ...flags) =>
      output(
        sops,
        [
          'encrypt',
          '--age',
          recipient,
          ...flags,
          '--filename-override',
          'x',
          '--input-type',
          type,
          '--output-type',
          type,
        ],
        text,
      )
    const all = Object.entries(vectors).flatMap(([, bytes]) =>
      bytes instanceof Uint8Array ? [Buffer.from(bytes)] : [],
    )
    const files = [
      sealed('dotenv', ENV),
      sealed('json', '{"CLAWHUB_TOKEN":"hunter2"}'),
      sealed('json', TREE),
      sealed('json', TREE, '--encrypted-regex', '^(A|B)$'),
      sealed('json', TREE, '--unencrypted-suffix', '_PLAIN'),
      sealed('dotenv', ENV, '--encrypted-regex', '(?i)token|url'),
      sealed('dotenv', ENV, '--age', `${recipient},${other}`),
      sealed('binary', Buffer.from([0, 1, 2, 255])),
      sealed('yaml', 'A: b\n'),
      sealed('ini', '[s]\nA = b\n'),
      output(age, ['-r', recipient], 'value\n'),
      output(age, ['-a', '-r', recipient, '-r', other], 'value\n'),
      Buffer.from(key),
      Buffer.from(ENV),
      Buffer.from(`^(A|B)[a-z]{2,3}\\d+$\nAab1`),
      Buffer.from('AGE-PLUGIN-YUBIKEY-1QQQ\n'),
      ...all.map((bytes) => bytes.subarray(bytes.indexOf('\n\n') + 2)).filter(({ length }) => length < 8192),
    ]
    return { key, files: files.map((bytes) => bytes.toString('base64')) }
  } finally {
    rmSync(scratch, { recursive: true })
  }
}

let made

/** The key and the files; made once, then kept, so that a find can be run again. */
export async function seedFiles() {
  const path = join(PLACE, 'seeds.json')
  try {
    made ??= JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    made = await make()
    mkdirSync(PLACE, { recursive: true })
    writeFileSync(path, JSON.stringify(made))
  }
  return { key: made.key, files: made.files.map((text) => Buffer.from(text, 'base64')) }
}
