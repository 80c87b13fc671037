/**
 * How long `disinto vault-run` takes until its command runs, against `docker compose run` of the same image; a part of
 * `npm run bench`, and by itself:
 *
 *   node tools/bench-vault-run.mjs [--runs 10]     needs a Docker Engine; builds the agent image
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ROOT } from './prepare.mjs'

const IMAGE = 'disinto-agent:bench'
/** What the command says: when it runs, in nanoseconds. */
const CLOCK = ['date', '+%s%N']

const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)]

/** Returns the medians in milliseconds, of vault-run and of compose run; undefined where no engine answers. */
export function timeVaultRun(node, rounds) {
  if (spawnSync('docker', ['version'], { stdio: 'ignore' }).status !== 0) return undefined
  const base = mkdtempSync(join(tmpdir(), 'disinto-bench-'))
  const cwd = join(base, `bench${process.pid}`)
  const env = {
    PATH: process.env.PATH,
    HOME: join(base, 'home'),
    DOCKER_CONFIG: process.env.DOCKER_CONFIG ?? join(homedir(), '.docker'),
    AGENT_IMAGE: IMAGE,
  }
  const must = (program, words, options = {}) => {
    const done = spawnSync(program, words, { cwd, env, encoding: 'utf8', ...options })
    if (done.status !== 0) throw new Error(`${program} ${words.join(' ')}: ${done.stderr ?? done.error}`)
    return done.stdout
  }
  const disinto = (words, options) => must(node, [join(ROOT, 'entrypoint/disinto.js'), ...words], options)
  try {
    mkdirSync(join(cwd, 'vault/approved'), { recursive: true })
    mkdirSync(env.HOME)
    const build = ['build', '--quiet', '--network', 'host', '-t', IMAGE, '-f', 'Dockerfile.agent', '.']
    must('docker', build, { cwd: ROOT, env: { ...process.env, DOCKER_BUILDKIT: '1' } })
    disinto(['init'])
    disinto(['secrets', 'add', 'TOKEN'], { input: 'made-up-value' })
    const proposal = { type: 'bench', source: 'bench', payload: {}, secrets: ['TOKEN'] }
    writeFileSync(join(cwd, 'vault/approved/b.json'), JSON.stringify(proposal))
    const untilItRuns = (start) => {
      const began = performance.timeOrigin + performance.now()
      const told = /^\d{19}$/m.exec(start())?.[0] ?? '0'
      return Number(BigInt(told) / 1000n) / 1000 - began
    }
    const compose = ['compose', 'run', '--rm', '--no-TTY', '--no-deps', 'vault-runner', ...CLOCK]
    /** @type {{ vaultRun: number[], composeRun: number[] }} */
    const times = { vaultRun: [], composeRun: [] }
    for (let round = -1; round < rounds; round += 1) {
      const theirs = untilItRuns(() => must('docker', compose))
      const ours = untilItRuns(() => disinto(['vault-run', 'b', '--', ...CLOCK]))
      // The first round warms the page cache.
      if (round < 0) continue
      times.composeRun.push(theirs)
      times.vaultRun.push(ours)
    }
    return { vaultRun: median(times.vaultRun), composeRun: median(times.composeRun) }
  } finally {
    spawnSync('docker', ['network', 'rm', `bench${process.pid}_default`], { stdio: 'ignore' })
    rmSync(base, { recursive: true, force: true })
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const at = process.argv.indexOf('--runs')
  const rounds = at === -1 ? 10 : Number(process.argv[at + 1])
  const { node26 } = await (await import('./fetch.mjs')).fetchParts(['node26'])
  const found = timeVaultRun(node26, rounds)
  if (found === undefined) throw new Error('needs a Docker Engine')
  const { vaultRun, composeRun } = found
  console.log(
    `until the command runs: vault-run ${vaultRun.toFixed(0)} ms, docker compose run ${composeRun.toFixed(0)} ms, × ${(vaultRun / composeRun).toFixed(2)}`,
  )
}
