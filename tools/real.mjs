/**
 * How disinto reads what people really have: every compose file and env file below some directories, by disinto and by
 * docker compose. Needs docker with compose, and no engine. Changes nothing there.
 *
 *   npm run real -- DIR ...          a directory of unpacked projects, each
 *
 * Each difference is a line: a compose file that docker compose takes and disinto does not read, a value that docker
 * compose reads otherwise (names and lengths, never a value), unless the diagnosis names it. The last lines are the
 * figures; status 1 when there is a difference.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { basename, join, relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { ROOT } from './prepare.mjs'

const directories = process.argv.slice(2).map((directory) => resolve(directory))
if (directories.length === 0) {
  console.error('usage: npm run real -- DIR ...')
  process.exit(2)
}
const scratch = mkdtempSync(join(tmpdir(), 'disinto-real-'))
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }))

const bundle = join(scratch, 'readers.mjs')
await build({
  entryPoints: [join(ROOT, 'tools/real-readers.ts')],
  bundle: true,
  platform: 'node',
  format: 'esm',
  outfile: bundle,
  banner: {
    js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)",
  },
})
const { readCompose, readEnv } = await import(pathToFileURL(bundle).href)

/** Nothing of the caller's reaches compose but what it needs to run. */
const variables = new Map(
  Object.entries({
    PATH: process.env.PATH ?? '',
    HOME: scratch,
    DOCKER_CONFIG: process.env.DOCKER_CONFIG ?? join(homedir(), '.docker'),
  }),
)

function compose(words) {
  const { status, stdout } = spawnSync('docker', ['compose', ...words], {
    cwd: scratch,
    env: Object.fromEntries(variables),
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
  return { ok: status === 0, stdout }
}

function filesBelow(directory, pattern) {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && pattern.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.includes('/node_modules/') && !path.includes('/.git/'))
    .sort()
}

/** `.env`, `.env.example`, `docker-compose.env`, `env.example`; not what is encrypted, or no env file. */
const ENV_FILE =
  /^(?!.*\.(?:enc|patch|[jt]sx?|py|sh|md)$).*(?:\.env(?:[.-][\w.-]+)?|^env\.(?:example|sample)|^dot-env[\w.-]*)$/

const totals = { compose: 0, taken: 0, read: 0, marked: 0, env: 0, values: 0, equal: 0, named: 0, refused: 0 }
const differences = []

async function compareCompose(file, shown) {
  totals.compose += 1
  const taken = compose(['--file', file, 'config', '--quiet']).ok
  const { plain, marked, names } = await readCompose(file, variables)
  if (plain === undefined) totals.read += 1
  if (marked) totals.marked += 1
  if (!taken) return
  totals.taken += 1
  if (plain !== undefined) differences.push(`${shown}: docker compose takes it; disinto: ${plain}`)
  else if (!marked) differences.push(`${shown}: not read with stand-ins for its ${names} variables`)
}

/** What compose makes of an env file, by the names that disinto finds there; undefined when it refuses the file. */
function byCompose(file, names) {
  const document = {
    services: {
      s: { image: 'x', environment: Object.fromEntries(names.map((name) => [name, `\${${name}}`])) },
    },
  }
  const path = join(scratch, 'compose.json')
  writeFileSync(path, JSON.stringify(document))
  const { ok, stdout } = compose(['--env-file', file, '--file', path, 'config', '--format', 'json'])
  if (!ok) return undefined
  const { environment } = JSON.parse(stdout).services.s
  // What it prints is a compose file again, in which a dollar sign is written twice.
  return new Map(
    Object.entries(environment ?? {}).map(([name, value]) => [
      name,
      String(value ?? '').replaceAll('$$', '$'),
    ]),
  )
}

async function compareEnv(file, shown) {
  totals.env += 1
  let read
  try {
    read = await readEnv(file, scratch)
  } catch (error) {
    differences.push(`${shown}: disinto: ${error instanceof Error ? error.message : error}`)
    return
  }
  const { values, problems } = read
  const usable = values.filter(([name]) => /^[A-Za-z_]\w*$/.test(name) && !variables.has(name))
  const theirs = byCompose(
    file,
    usable.map(([name]) => name),
  )
  if (theirs === undefined) {
    totals.refused += 1
    console.log(
      `${shown}: docker compose refuses it; the diagnosis finds ${[...new Set(problems.map(({ kind }) => kind))].join(', ') || 'nothing wrong'}`,
    )
    return
  }
  const named = []
  for (const [name, value] of usable) {
    totals.values += 1
    const told = problems.filter((problem) => problem.name === name).map(({ kind }) => kind)
    if (theirs.get(name) === value) totals.equal += 1
    else if (told.length > 0) named.push(name)
    else
      differences.push(
        `${shown}: ${name}: ${value.length} characters by disinto, ${theirs.get(name)?.length ?? 'none'} by docker compose`,
      )
  }
  totals.named += named.length
  if (named.length > 0)
    console.log(`${shown}: docker compose reads otherwise, and the diagnosis says so: ${named.join(', ')}`)
}

for (const directory of directories) {
  const shown = (file) => join(basename(directory), relative(directory, file))
  for (const file of filesBelow(directory, /compose[^/]*\.ya?ml$/i)) await compareCompose(file, shown(file))
  for (const file of filesBelow(directory, ENV_FILE)) await compareEnv(file, shown(file))
}
for (const difference of differences) console.log(`difference: ${difference}`)
console.log(
  `compose files: ${totals.compose}; docker compose takes ${totals.taken}, disinto reads ${totals.read}, ${totals.marked} of them with a stand-in for every variable`,
)
console.log(
  `env files: ${totals.env} (${totals.refused} refused by docker compose); values: ${totals.values}, equal ${totals.equal}, named by the diagnosis ${totals.named}`,
)
console.log(`differences: ${differences.length}`)
process.exit(differences.length === 0 ? 0 : 1)
