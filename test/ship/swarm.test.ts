import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import {
  build,
  docker,
  freshValue,
  IMAGE,
  logsOf,
  makeKey,
  must,
  REPOSITORY,
  run,
  until,
  writeScript,
} from '../image/image.ts'
import { answers, buildShimImage, imageOfDocs, removeImages, scratchDirectory } from './ship.ts'

async function encrypt(type: 'dotenv' | 'json', text: string, recipient: string): Promise<string> {
  const types = ['--input-type', type, '--output-type', type, '--filename-override', 'x']
  const program = process.env['SOPS_PROGRAM'] || 'sops'
  return `${await must(program, ['encrypt', '--age', recipient, ...types], { input: text })}\n`
}

/** Where the second engine has its things: one place, so that what a killed run left is found. */
const ENGINE = '/var/tmp/disinto-ship-engine'
/** The whole promise takes minutes: DEEP=1. */
const DEEP = process.env['DEEP'] === '1'
const REPLICAS = DEEP ? 20 : 5
/** Our end of the wire to the second engine; the first is a node by this address, too. */
const ADDRESS = '192.168.231.1'

const DISINTO = join(REPOSITORY, 'entrypoint/disinto.js')

/** A project as the page has it: made by disinto, with stack.yml beside its files and the service key of its own. */
class Site {
  readonly directory: string
  readonly home: string
  readonly keyFile: string
  readonly token: string
  private constructor(base: string) {
    this.directory = join(base, 'myproject')
    this.home = join(base, 'home')
    this.keyFile = join(this.home, '.config/sops/age/myproject/agents/keys.txt')
    this.token = join(this.directory, 'secrets', 'FORGE_TOKEN.enc')
  }

  static async make(base: string): Promise<Site> {
    const site = new Site(base)
    await mkdir(site.directory, { recursive: true })
    await mkdir(join(base, 'bin'))
    await mkdir(site.home)
    // What `npm install --global` puts on PATH.
    await writeScript(join(base, 'bin/disinto'), `#!/bin/sh\nexec "${process.execPath}" "${DISINTO}" "$@"\n`)
    await cp(join(REPOSITORY, 'deploy/swarm/stack.yml'), join(site.directory, 'stack.yml'))
    await writeFile(join(site.directory, '.env'), 'MODE=swarm\n')
    await site.sh('disinto secrets keygen && disinto secrets migrate')
    return site
  }

  /** Runs a script in the project, as its operator. */
  async sh(script: string, input = '', env: Readonly<Record<string, string>> = {}) {
    const path = `${join(this.directory, '../bin')}:${process.env['PATH']}`
    // The plugins and the context of docker are in the real home.
    const config = process.env['DOCKER_CONFIG'] ?? join(homedir(), '.docker')
    const all = { PATH: path, HOME: this.home, DOCKER_CONFIG: config, ...env }
    const result = await run('sh', ['-euc', script], { cwd: this.directory, env: all, input })
    expect(result, script).toMatchObject({ exitCode: 0 })
    return result
  }

  async setToken(value: string): Promise<void> {
    await this.sh('disinto secrets add FORGE_TOKEN --force', value)
  }

  /** The token's file as somebody else's key alone opens it. */
  async strangeToken(value: string, keyFile: string): Promise<void> {
    const recipient = await must(process.env['AGE_KEYGEN_PROGRAM'] || 'age-keygen', ['-y', keyFile])
    await writeFile(this.token, await encrypt('json', JSON.stringify({ FORGE_TOKEN: value }), recipient))
  }

  /** The identity itself. */
  async key(): Promise<string> {
    return /AGE-SECRET-KEY-\S+/.exec(await readFile(this.keyFile, 'utf8'))?.[0] ?? ''
  }

  /** The config that has the token's file as it is now. */
  async tokenConfig(): Promise<string> {
    return `agents-forge-token-${(await must('sha256sum', [this.token])).slice(0, 12)}`
  }

  /** A block of docs/swarm.md, as it stands there. */
  async follow(name: string, env: Readonly<Record<string, string>> = {}) {
    const page = await readFile(join(REPOSITORY, 'docs/swarm.md'), 'utf8')
    const block = page.split(`<!-- run: ${name} -->\n\`\`\`sh\n`)[1]?.split('```')[0]
    if (block === undefined) throw new Error(`docs/swarm.md has no block ${name}`)
    const script = block.replace('-c stack.yml', '-c stack.yml -c test.yml')
    return this.sh(script, '', { AGENT_IMAGE: IMAGE, REPLICAS: String(REPLICAS), ...env })
  }

  async deploy(env: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.follow('deploy', env)
  }
}

const FILTER = ['--filter', 'label=com.docker.swarm.service.name=agents_agents']

async function containers(engine: readonly string[], filter: readonly string[]): Promise<string[]> {
  const ids = await must('docker', [...engine, 'ps', '--quiet', '--no-trunc', ...filter])
  return ids === '' ? [] : ids.split('\n')
}

const healthy = () => containers([], [...FILTER, '--filter', 'health=healthy'])

/** What every healthy replica has as its token, by how many have it. */
async function tokens(): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const id of await healthy()) {
    const token = /^token (.*)$/m.exec(await logsOf(id))?.[1] ?? 'none'
    counts[token] = (counts[token] ?? 0) + 1
  }
  return counts
}

async function updateState(): Promise<string> {
  const format = '{{if .UpdateStatus}}{{.UpdateStatus.State}}{{end}}'
  return must('docker', ['service', 'inspect', 'agents_agents', '--format', format])
}

/**
 * The least number of healthy replicas at any moment of a step, and how many were stopped, from the engine's own
 * record of events: a replica counts from its first `healthy` until it is sent a signal or ends. The record is read
 * as it is written, as the engine keeps no more than the last 256 events.
 */
async function countDuring(step: () => Promise<void>): Promise<{ fewest: number; stopped: number }> {
  const before = await healthy()
  const since = await must('date', ['+%s.%N'])
  const events = ['health_status', 'kill', 'die'].flatMap((event) => ['--filter', `event=${event}`])
  const words = ['events', '--since', since, ...FILTER, ...events, '--format', '{{.Action}} {{.ID}}']
  const record = execa('docker', words, { reject: false, buffer: false })
  let text = ''
  record.stdout.on('data', (chunk) => {
    text += String(chunk)
  })
  const replay = () => {
    const up = new Set(before)
    let [fewest, stopped] = [up.size, 0]
    for (const line of text.split('\n').slice(0, -1)) {
      const id = line.split(' ').at(-1) ?? ''
      if (line.startsWith('health_status: healthy')) up.add(id)
      else if (up.delete(id)) stopped += 1
      fewest = Math.min(fewest, up.size)
    }
    return { up, fewest, stopped }
  }
  try {
    await step()
    // All is told when the record leads to what is there.
    await until(async () => expect(replay().up).toEqual(new Set(await healthy())))
  } finally {
    record.kill()
    await record
  }
  const { fewest, stopped } = replay()
  return { fewest, stopped }
}

/** Every test here is a step after the ones before it, as on the page. */
describe('a stack on Swarm', () => {
  let site: Site
  let directory = ''
  let ours = false
  const first = freshValue('first')
  const second = freshValue('second')
  const third = freshValue('third')

  beforeAll(async () => {
    const swarm = '{{.Swarm.LocalNodeState}} {{.Swarm.NodeAddr}} {{.Swarm.Error}}'
    const state = await must('docker', ['info', '--format', swarm])
    // By our address it is ours, from a run that was killed. Anyone else's we leave alone.
    if (state.includes(ADDRESS)) await must('docker', ['swarm', 'leave', '--force'])
    else if (!state.startsWith('inactive')) {
      throw new Error(`this engine is in a swarm (${state.trim()}); the tests need it outside`)
    }
    ours = true
    await build(IMAGE, REPOSITORY)
    directory = await scratchDirectory()
    await must('bash', [join(REPOSITORY, 'test/ship/second-engine.sh'), 'start', ENGINE])
    const addresses = ['--advertise-addr', ADDRESS, '--listen-addr', `${ADDRESS}:2377`]
    await must('docker', ['swarm', 'init', ...addresses])
  }, 1_800_000)

  afterAll(async () => {
    if (!ours) return
    await docker(['swarm', 'leave', '--force'])
    // The engine ends the tasks of a swarm it has left by itself.
    await until(async () => {
      expect(await containers([], ['--filter', 'label=com.docker.swarm.service.name'])).toEqual([])
    })
    await must('bash', [join(REPOSITORY, 'test/ship/second-engine.sh'), 'stop', ENGINE])
    await rm(directory, { recursive: true, force: true })
    await removeImages()
  })

  test(`starts ${REPLICAS} replicas that have the values`, async () => {
    site = await Site.make(join(directory, 'site'))
    await site.setToken(first)
    const script = 'echo "token $FORGE_TOKEN"; cat /run/secrets/*; sleep infinity & wait'
    const agents = {
      // Compose reads `$$` as `$`.
      command: ['sh', '-c', script.replaceAll('$', '$$$$')],
      stop_grace_period: '1s',
      healthcheck: { interval: '1s' },
      deploy: { update_config: { monitor: '1s' }, restart_policy: { delay: '1s' } },
    }
    await writeFile(join(site.directory, 'test.yml'), stringify({ services: { agents } }))
    await site.follow('key')
    await site.deploy()
    await until(async () => expect(await tokens()).toEqual({ [first]: REPLICAS }))
  })

  test('the agent can’t read the key, nor see where it is, and the shim has nothing to warn of', async () => {
    const [id = ''] = await healthy()
    expect(await logsOf(id)).toMatch(/cat: \/run\/secrets\/agents-key: Permission denied/)
    expect(await logsOf(id)).not.toContain('warning')
    const status = await must('docker', ['exec', id, 'cat', '/proc/1/status'])
    expect(status).toMatch(/^Uid:\t1000\t1000\t1000\t1000$/m)
    expect(status).toMatch(/^CapEff:\t0+$/m)
    const environment = await must('docker', ['exec', '--user', '1000', id, 'cat', '/proc/1/environ'])
    expect(environment).toContain('MODE=swarm\0')
    expect(environment).not.toMatch(/SOPS_AGE|AGE-SECRET-KEY/)
  })

  test('neither values nor key are in what the engine and the swarm show', async () => {
    const key = await site.key()
    const names = async (kind: string) => (await must('docker', [kind, 'ls', '--quiet'])).split('\n')
    const shown = [
      await must('docker', ['inspect', ...(await healthy())]),
      await must('docker', ['service', 'inspect', 'agents_agents']),
      await must('docker', ['config', 'inspect', ...(await names('config'))]),
      await must('docker', ['secret', 'inspect', ...(await names('secret'))]),
    ].join('\n')
    // Configs are shown in base64.
    for (const value of [first, key]) {
      expect(value).not.toBe('')
      expect(shown.includes(value)).toBe(false)
      expect(shown.includes(Buffer.from(value).toString('base64').slice(4, -4))).toBe(false)
    }
  })

  test('deploying what did not change restarts nothing', async () => {
    const before = await healthy()
    await site.deploy()
    expect(new Set(await healthy())).toEqual(new Set(before))
  })

  test('a rotated secret rolls over, with never fewer replicas than before', async () => {
    await site.setToken(second)
    const counted = await countDuring(async () => {
      await site.deploy()
      await until(async () => expect(await updateState()).toBe('completed'))
      await until(async () => expect(await tokens()).toEqual({ [second]: REPLICAS }))
    })
    expect(counted).toEqual({ fewest: REPLICAS, stopped: REPLICAS })
  })

  test('a secret for another key is rolled back, and every replica stays', async () => {
    const good = await readFile(site.token)
    await makeKey(join(directory, 'stranger.txt'))
    await site.strangeToken(freshValue('strange'), join(directory, 'stranger.txt'))
    const before = await healthy()
    const counted = await countDuring(async () => {
      await site.deploy()
      await until(async () => expect(await updateState()).toBe('rollback_completed'))
    })
    await until(async () => expect(await tokens()).toEqual({ [second]: REPLICAS }))
    expect(counted).toEqual({ fewest: REPLICAS, stopped: 0 })
    expect(new Set(await healthy())).toEqual(new Set(before))
    await writeFile(site.token, good)
  })

  test('a start that fails after seconds is rolled back, too, and every replica stays', async () => {
    const good = await readFile(site.token)
    await site.strangeToken(freshValue('strange'), join(directory, 'stranger.txt'))
    const slow = { services: { agents: { environment: { SOPS_AGE_KEY_CMD: 'sleep 3' } } } }
    const before = await readFile(join(site.directory, 'test.yml'), 'utf8')
    const merged = parse(before)
    merged.services.agents.environment = slow.services.agents.environment
    await writeFile(join(site.directory, 'test.yml'), stringify(merged))
    const counted = await countDuring(async () => {
      await site.deploy()
      await until(async () => expect(await updateState()).toBe('rollback_completed'))
    })
    await until(async () => expect(await tokens()).toEqual({ [second]: REPLICAS }))
    expect(counted).toEqual({ fewest: REPLICAS, stopped: 0 })
    await writeFile(site.token, good)
    await writeFile(join(site.directory, 'test.yml'), before)
  })

  test('a new key comes with its files, with never fewer replicas than before', async () => {
    await site.follow('rotate-key')
    const counted = await countDuring(async () => {
      await site.deploy({ KEY_VERSION: '2' })
      await until(async () => expect(await updateState()).toBe('completed'))
      await until(async () => expect(await tokens()).toEqual({ [second]: REPLICAS }))
    })
    expect(counted).toEqual({ fewest: REPLICAS, stopped: REPLICAS })
    await must('docker', ['secret', 'rm', 'agents-key-1'])
  })

  // A control: the count does see a gap where there is one.
  if (DEEP) {
    test('an update that stops first leaves a gap', async () => {
      const counted = await countDuring(async () => {
        const words = [
          '--force',
          '--update-order',
          'stop-first',
          '--update-parallelism',
          '5',
          'agents_agents',
        ]
        await must('docker', ['service', 'update', ...words])
      })
      expect(counted.stopped).toBe(REPLICAS)
      expect(counted.fewest).toBeLessThan(REPLICAS)
    })
  }

  test('docker service update rotates without a stack file', async () => {
    await site.setToken(third)
    const counted = await countDuring(async () => {
      await site.follow('rotate')
      await until(async () => expect(await tokens()).toEqual({ [third]: REPLICAS }))
    })
    expect(counted).toEqual({ fewest: REPLICAS, stopped: REPLICAS })
    await must('docker', ['stack', 'rm', 'agents'])
    await until(async () => expect(await containers([], FILTER)).toEqual([]))
  })

  test('a key with the mode Swarm gives by itself is refused, since the agent could read it', async () => {
    const mounts = [
      '--config',
      `source=${await site.tokenConfig()},target=/etc/disinto/secrets/FORGE_TOKEN.enc`,
    ]
    const key = ['--secret', 'agents-key-2', '--env', 'SOPS_AGE_KEY_FILE=/run/secrets/agents-key-2']
    const words = ['--name', 'open', '--detach', '--no-resolve-image', '--restart-condition', 'none']
    await must('docker', ['service', 'create', ...words, ...mounts, ...key, IMAGE, 'echo', 'the agent runs'])
    await until(async () => {
      const { stdout, stderr } = await docker(['service', 'logs', '--raw', 'open'])
      expect(stderr).toMatch(/error: \/run\/secrets\/agents-key-2: /)
      expect(stderr).toContain('hint: in Swarm, set uid 0 and mode 0400 on the secret')
      expect(stdout).toBe('')
    })
    await must('docker', ['service', 'rm', 'open'])
  })

  test('a node that leaves keeps nothing, and gets all again when it rejoins', async () => {
    const engine = ENGINE
    const there = ['--host', `unix://${engine}/socket`]
    const filter = ['--filter', 'label=com.docker.swarm.service.name=both']
    const BASE = 'disinto-standin/node:24.19.0-musl'
    if (!answers('docker', ['image', 'inspect', BASE])) {
      await must('bash', [join(REPOSITORY, 'test/ship/alpine.sh'), BASE])
    }
    await buildShimImage()
    // A small image, as it has to be copied to the second engine.
    const image = await imageOfDocs('alpine', BASE)
    await must('sh', ['-euc', 'docker save "$1" | docker --host "$2" load', 'sh', image, there[1] ?? ''])

    const token = await must('docker', ['swarm', 'join-token', '--quiet', 'worker'])
    const address = ['--advertise-addr', '192.168.231.2', '--listen-addr', '192.168.231.2:2377']
    const join_ = () =>
      must('docker', [...there, 'swarm', 'join', ...address, '--token', token, `${ADDRESS}:2377`])
    const onSecond = async () => {
      const [id = ''] = await containers(there, filter)
      return (await docker([...there, 'logs', id])).stdout
    }
    await join_()
    const mounts = [
      '--config',
      `source=${await site.tokenConfig()},target=/etc/disinto/secrets/FORGE_TOKEN.enc`,
    ]
    const key = ['--secret', 'source=agents-key-2,target=key,uid=0,gid=0,mode=0400']
    const env = ['--env', 'SOPS_AGE_KEY_FILE=/run/secrets/key']
    const words = [
      '--name',
      'both',
      '--detach',
      '--no-resolve-image',
      '--replicas',
      '2',
      '--stop-grace-period',
      '1s',
    ]
    const spread = ['--replicas-max-per-node', '1']
    const script = 'echo "token $FORGE_TOKEN"; sleep 1000000 & wait'
    await must('docker', [
      'service',
      'create',
      ...words,
      ...spread,
      ...mounts,
      ...key,
      ...env,
      image,
      'sh',
      '-c',
      script,
    ])
    await until(async () => expect(await onSecond()).toContain(`token ${third}`))

    // While it runs: the key and the values are in memory alone. What a container says is its own.
    const secret = await site.key()
    const onDisk = (text: string) =>
      must('sh', [
        '-c',
        'find "$1" -xdev -type f ! -name "*-json.log" -exec grep -lF -- "$2" {} +; true',
        'sh',
        engine,
        text,
      ])
    expect(await onDisk(secret)).toBe('')
    expect(await onDisk(third)).toBe('')

    await must('docker', [...there, 'swarm', 'leave'])
    await until(async () => expect(await containers(there, filter)).toEqual([]))
    expect(await onDisk(secret)).toBe('')
    expect(await containers([], filter)).toHaveLength(1)

    await join_()
    await until(async () => expect(await onSecond()).toContain(`token ${third}`))
    await docker([...there, 'swarm', 'leave', '--force'])
    await must('docker', ['service', 'rm', 'both'])
  })
})
