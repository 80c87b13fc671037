/**
 * `npm run demo`: makes a key and a small project in a temporary directory, encrypts an env file and two secrets,
 * runs a command through the shim, and shows what there is to see. Each claim is checked; a wrong one fails.
 *
 * Real sops encrypts where it is installed or Go can build it; else our own engine does. No root, no Docker.
 */
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fetchParts } from './fetch.mjs'
import { build, installPackages, ROOT } from './prepare.mjs'

const has = (program) => spawnSync(program, ['version'], { stdio: 'ignore' }).error === undefined

installPackages()
build()
// Node 26 can become the command; an older one stays as its parent.
const { node26 } = await fetchParts(['node26'])
const stock = has('sops') || has('go') ? await fetchParts(['sops', 'age']) : undefined
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

async function encryptWithSops() {
  run(stock.ageKeygen, ['-o', key])
  const recipient = run(stock.ageKeygen, ['-y', key]).trim()
  for (const [name, [type, text]] of Object.entries(files)) {
    const words = ['encrypt', '--age', recipient, '--filename-override', name]
    writeFileSync(name, run(stock.sops, [...words, '--input-type', type, '--output-type', type], text))
  }
}

/** The same through our own engine, bundled for the purpose: no sops, no Go. */
async function encryptInProcess() {
  const { build: bundle } = await import('esbuild')
  const contents =
    "export { generateKey } from './src/age/keygen.ts'; export { sealDotenv, sealJson } from './src/sops/seal.ts'"
  const outfile = join(directory, 'seal.mjs')
  const stdin = { contents, resolveDir: ROOT }
  await bundle({ stdin, outfile, bundle: true, platform: 'node', format: 'esm', logLevel: 'warning' })
  const { generateKey, sealDotenv, sealJson } = await import(outfile)
  const { text, recipient } = generateKey()
  writeFileSync(key, text, { mode: 0o600 })
  for (const [name, [type, plain]] of Object.entries(files)) {
    const sealed =
      type === 'dotenv'
        ? await sealDotenv(plain, [recipient])
        : await sealJson(Object.entries(JSON.parse(plain)), [recipient])
    writeFileSync(name, sealed)
  }
}

say(
  `a key, an env file and two secrets, encrypted by ${stock ? 'sops' : 'disinto (no sops, and no Go to build it)'}`,
)
if (stock) await encryptWithSops()
else await encryptInProcess()

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
