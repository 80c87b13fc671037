/**
 * `npm run scale`: the figures of docs/scale.md that need no cluster: sizes of files by recipients, and the processor
 * time of starts and of rotations. Time of the processor, not of the clock, so that a busy machine gives the same.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fetchParts } from './fetch.mjs'
import { build, installPackages, ROOT } from './prepare.mjs'

installPackages()
build()
const { node26: node, sops, age, ageKeygen } = await fetchParts(['node26', 'sops', 'age'])
const SHIM = join(ROOT, 'entrypoint/entrypoint.js')
const DISINTO = join(ROOT, 'entrypoint/disinto.js')
const work = mkdtempSync(join(tmpdir(), 'disinto-scale-'))
process.on('exit', () => rmSync(work, { recursive: true, force: true }))
const env = { PATH: `${dirname(sops)}:${dirname(age)}:${process.env.PATH}`, HOME: work }

/**
 * Runs a program that must end well.
 * @param {string[]} words
 * @param {string} [input]
 * @param {string} [cwd]
 */
function must(words, input = '', cwd = work) {
  const [program = '', ...rest] = words
  const { status, stdout, stderr, error } = spawnSync(program, rest, { env, cwd, input, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${words.join(' ')}: ${stderr ?? error}`)
  return { stdout, stderr }
}

/**
 * Milliseconds of processor time, the least of three runs.
 * @param {string[]} words
 * @param {string} [input]
 * @param {string} [cwd]
 */
function cost(words, input, cwd) {
  const timed = ['bash', '-c', 'TIMEFORMAT="%U %S"; time "$@" >/dev/null 2>&1', 'bash', ...words]
  const runs = [1, 2, 3].map(() => {
    const [user, system] = must(timed, input, cwd).stderr.trim().split(' ').map(Number)
    return 1000 * ((user ?? 0) + (system ?? 0))
  })
  return Math.round(Math.min(...runs))
}

/** @param {string} what @param {number | string} figure */
const say = (what, figure) => console.log(`${what.padEnd(70)} ${figure}`)

const keyFile = join(work, 'keys.txt')
must([ageKeygen, '-o', keyFile])
const ours = must([ageKeygen, '-y', keyFile]).stdout.trim()
const others = Array.from({ length: 999 }, () => {
  const { stdout } = must([ageKeygen])
  return /public key: (\S+)/.exec(stdout)?.[1] ?? ''
})

const types = ['--input-type', 'json', '--output-type', 'json', '--filename-override', 'x']
const token = JSON.stringify({ FORGE_TOKEN: 'forge-0123456789abcdef0123456789abcdef01234567' })
for (const recipients of [1, 2, 10, 100, 1000]) {
  const list = [...others.slice(0, recipients - 1), ours].join(',')
  const file = must([sops, 'encrypt', '--age', list, ...types], token).stdout
  say(`a secret file for ${recipients} recipients, bytes`, file.length)
  const root = join(work, `for-${recipients}`)
  mkdirSync(join(root, 'secrets'), { recursive: true })
  writeFileSync(join(root, 'secrets/FORGE_TOKEN.enc'), file)
  const start = [node, SHIM, '--root', root, '--', 'true']
  say('  a start that opens it, ms', cost(['env', `SOPS_AGE_KEY_FILE=${keyFile}`, ...start]))
}

const project = join(work, 'project')
mkdirSync(project)
const disinto = [node, DISINTO]
writeFileSync(join(project, '.env'), 'MODE=production\nLEVEL=info\n')
must([...disinto, 'init'], '', project)
must([...disinto, 'secrets', 'keygen'], '', project)
must([...disinto, 'secrets', 'keygen', '--service', 'agents'], '', project)
must([...disinto, 'secrets', 'migrate'], '', project)
for (let at = 0; at < 10; at += 1) must([...disinto, 'secrets', 'add', `TOKEN_${at}`], `token-${at}`, project)
say('a project of .env.enc and 10 secrets, .env.enc, bytes', statSync(join(project, '.env.enc')).size)
say(
  '  one value changed (secrets add --force), ms',
  cost([...disinto, 'secrets', 'add', 'TOKEN_1', '--force'], 'next', project),
)
say(
  '  the service’s key changed (rotate-key), ms',
  cost([...disinto, 'secrets', 'rotate-key', '--service', 'agents'], '', project),
)
