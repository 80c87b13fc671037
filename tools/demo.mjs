/**
 * `npm run demo`: makes a key and a small project in a temporary directory, encrypts an env file and two secrets,
 * runs a command through the shim, and shows what there is to see. Each claim is checked; a wrong one fails.
 *
 * A sops that is there encrypts, so that a file of stock sops is what the shim opens; else `disinto` does. The demo
 * builds neither sops nor age: that takes minutes, and the main job needs none. No root, no Docker.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fetchParts } from './fetch.mjs'
import { build, installPackages, ROOT } from './prepare.mjs'

/** A sops to encrypt with, the one fetched for the tests before that of PATH; undefined where there is none. */
function findSops() {
  for (const program of [join(ROOT, '.tools/bin/sops'), 'sops']) {
    const env = { ...process.env, SOPS_DISABLE_VERSION_CHECK: '1' }
    const { status, stdout } = spawnSync(program, ['--version'], { encoding: 'utf8', env })
    if (status === 0) return { program, version: stdout.split('\n')[0] }
  }
  return undefined
}

installPackages()
build()
// Node 26 can become the command; an older one stays as its parent.
const { node26 } = await fetchParts(['node26'])
const sops = findSops()
const host = join(ROOT, 'entrypoint/disinto.js')
const shim = join(ROOT, 'entrypoint/entrypoint.js')

const directory = mkdtempSync(join(tmpdir(), 'disinto-demo-'))
process.on('exit', () => rmSync(directory, { recursive: true, force: true }))
process.chdir(directory)
mkdirSync('secrets')
const key = join(directory, 'keys.txt')
const environment = { PATH: process.env.PATH, HOME: directory, SOPS_AGE_KEY_FILE: key }

const say = (text) => console.log(`\n# ${text}`)
const show = (text) => console.log(text.trimEnd().replaceAll(/^/gm, '    '))
function must(claim, holds) {
  if (!holds) {
    console.error(`not so: ${claim}`)
    process.exit(1)
  }
  console.log(`  ✓ ${claim}`)
}

function run(program, words, input = '') {
  const { status, stdout, stderr } = spawnSync(program, words, { input, env: environment, encoding: 'utf8' })
  if (status !== 0) must(`${program} ${words[0]} works: ${stderr.trim()}`, false)
  return stdout
}

/** Lines of pid, parent, words; from /proc where there is no ps, as in slim images. */
function processTable() {
  if (spawnSync('ps', ['-A'], { stdio: 'ignore' }).status === 0) {
    return run('ps', ['-A', '-o', 'pid=,ppid=,args=']).split('\n')
  }
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map((pid) => {
      const parent = /^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
      return `${pid} ${parent} ${readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')}`
    })
}

const files = {
  '.env.enc': ['dotenv', 'FORGE_URL=https://forge.example\nFORGE_TOKEN=demo-forge-0a1b2c\n'],
  'secrets/CLAWHUB_TOKEN.enc': ['json', '{"CLAWHUB_TOKEN":"demo-clawhub-3d4e5f"}'],
  'secrets/DEPLOY_KEY.enc': ['json', '{"DEPLOY_KEY":"demo-line-1\\ndemo-line-2"}'],
}

function encryptWithSops() {
  if (sops === undefined) throw new Error('no sops')
  const recipient = /^# public key: (age1\w+)$/m.exec(readFileSync(key, 'utf8'))?.[1]
  for (const [name, [type, text]] of Object.entries(files)) {
    const words = ['encrypt', '--age', recipient, '--filename-override', name]
    writeFileSync(name, run(sops.program, [...words, '--input-type', type, '--output-type', type], text))
  }
}

function encryptWithDisinto() {
  for (const [name, [type, text]] of Object.entries(files)) {
    if (type === 'dotenv') {
      writeFileSync('.env', text)
      run(node26, [host, 'secrets', 'migrate'])
    } else
      for (const [secret, value] of Object.entries(JSON.parse(text)))
        run(node26, [host, 'secrets', 'add', secret], value)
    must(`${name} is there`, existsSync(name))
  }
}

say(
  `a key, an env file and two secrets, encrypted by ${sops ? `${sops.version} (${sops.program})` : 'disinto (no sops here, and none is needed)'}`,
)
run(node26, [host, 'secrets', 'keygen'])
if (sops) encryptWithSops()
else encryptWithDisinto()

say('on disk: names can be read, values can not')
show(readFileSync('secrets/CLAWHUB_TOKEN.enc', 'utf8').split('\n').slice(0, 2).join('\n'))
show(readFileSync('.env.enc', 'utf8').split('\n').slice(0, 2).join('\n'))
for (const name of Object.keys(files))
  must(`${name} holds no plaintext`, !/demo-/.test(readFileSync(name, 'utf8')))

say('node entrypoint/entrypoint.js --check')
show(run(node26, [shim, '--check']))

say(`node entrypoint/entrypoint.js -- sh -c 'echo "$FORGE_TOKEN, $CLAWHUB_TOKEN, $DEPLOY_KEY"'`)
const output = run(node26, [shim, '--', 'sh', '-c', 'echo "$FORGE_TOKEN, $CLAWHUB_TOKEN, $DEPLOY_KEY"'])
show(output)
must(
  'the command has all three values',
  output === 'demo-forge-0a1b2c, demo-clawhub-3d4e5f, demo-line-1\ndemo-line-2\n',
)
must('the command has no key', !/SOPS_AGE/.test(run(node26, [shim, '--', 'env'])))

say('ps: the shim has become the command; no parent is left, no process beside it')
const child = spawn(node26, [shim, '--', 'sh', '-c', 'echo ready; read line'], {
  env: environment,
  stdio: ['pipe', 'pipe', 'inherit'],
})
await new Promise((resolve) => child.stdout.once('data', resolve))
const processes = processTable().filter((line) =>
  line.trim().split(/\s+/).slice(0, 2).includes(String(child.pid)),
)
show(processes.join('\n'))
must('one process, and it is not node', processes.length === 1 && !/node/.test(processes[0] ?? ''))
child.stdin.end('\n')
await new Promise((resolve) => child.once('exit', resolve))

say('a file that someone changed stops everything')
const path = 'secrets/CLAWHUB_TOKEN.enc'
writeFileSync(path, readFileSync(path, 'utf8').replace(/data:..../, 'data:AAAA'))
const refused = spawnSync(node26, [shim, '--', 'echo', 'started'], { env: environment, encoding: 'utf8' })
show(refused.stderr)
must('exit status 125, and the command did not start', refused.status === 125 && refused.stdout === '')
