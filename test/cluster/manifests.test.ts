import { createHash } from 'node:crypto'
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { freshValue, makeKey, must } from '../image/image.ts'
import { type Pod, Project, STAY, until, useCluster } from './cluster.ts'

const { node } = useCluster()
let project: Project
const values: string[] = []
/** The token that the pods of a namespace have. */
const tokens = new Map<string, string>()

/** A value to be searched for in the end. */
function value(name: string): string {
  const made = freshValue(name)
  values.push(made)
  return made
}
const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16)

beforeAll(async () => {
  project = await Project.make(node())
  await project.keys()
  await project.envFile(`MODE=${value('mode')}\n`)
}, 300_000)
afterAll(() => project.remove())

/** A new token that the service key opens, where the kustomization takes it from. */
async function newToken(): Promise<string> {
  const token = value('token')
  await project.disinto(['secrets', 'add', 'FORGE_TOKEN', '--force'], token)
  await project.place()
  return token
}

const statuses = (pods: readonly Pod[]) => pods.flatMap(({ status }) => status.containerStatuses ?? [])

describe.each([
  { variant: 'root', standard: 'baseline' },
  { variant: 'non-root', standard: 'restricted' },
] as const)('the manifests of $variant', ({ variant, standard }) => {
  const namespace = `keeps-${variant}`
  const wanted = { namespace, variant, standard, replicas: 3, script: STAY }

  test(`start under the standard ${standard}, with the value, as uid 1000`, async () => {
    const token = await newToken()
    await project.deploy(wanted)
    await project.rolledOut(namespace)
    for (const { metadata } of await project.pods(namespace)) {
      const log = await project.logs(namespace, metadata.name)
      expect(log).toContain(`token ${digest(token)} uid 1000`)
      expect(log.includes('other users can read this key')).toBe(variant === 'non-root')
    }
  })

  test('roll over to a changed file, with three replicas ready at every look', async () => {
    const token = await newToken()
    tokens.set(namespace, token)
    await project.apply(wanted)
    const fewest = await project.fewestReadyUntil(namespace, async () => {
      const pods = await project.pods(namespace)
      const logs = await Promise.all(
        pods.map(({ metadata }) =>
          node()
            .try(['-n', namespace, 'logs', metadata.name])
            .then(({ stdout }) => stdout),
        ),
      )
      return pods.length === 3 && logs.every((log) => log.includes(digest(token)))
    })
    expect(fewest).toBe(3)
  })

  test('keep the three old pods when a new file turns out after seconds to be for another key', async () => {
    const secret = project.path('deploy/root/secrets/FORGE_TOKEN.enc')
    await cp(secret, project.path('good.enc'))
    const recipient = await makeKey(project.path('another.txt'))
    const types = ['--input-type', 'json', '--output-type', 'json', '--filename-override', 'x']
    const sealed = await must('sops', ['encrypt', '--age', recipient, ...types], {
      input: JSON.stringify({ FORGE_TOKEN: value('for-another') }),
    })
    await writeFile(secret, sealed)
    onTestFinished(async () => {
      await cp(project.path('good.enc'), secret)
      await project.apply(wanted)
      await project.rolledOut(namespace)
    })
    await project.apply({ ...wanted, environment: { SOPS_AGE_KEY_CMD: 'sleep 3' } })
    let restarts = 0
    const fewest = await project.fewestReadyUntil(namespace, async () => {
      restarts = statuses(await project.pods(namespace)).filter(
        ({ restartCount }) => restartCount >= 2,
      ).length
      return restarts > 0
    })
    expect(fewest).toBe(3)
    expect(await project.messages(namespace)).toMatch(
      /FORGE_TOKEN\.enc: (?:none of the age identities|the age key at SOPS_AGE_KEY_CMD)/,
    )
  })

  test('leave the value files of one container, however often it ended before', async () => {
    const one = { ...wanted, namespace: `${namespace}-files`, replicas: 1 }
    const script = 'ls -d /dev/shm/disinto-* | wc -l; exec sleep 2'
    await project.deploy({ ...one, script, environment: { DISINTO_AS_FILE: 'FORGE_TOKEN' } })
    await until(async () => {
      const [pod] = await project.pods(one.namespace)
      expect(statuses(pod === undefined ? [] : [pod])[0]?.restartCount).toBeGreaterThanOrEqual(2)
    })
    const [pod] = await project.pods(one.namespace)
    await until(async () => {
      expect(await project.logs(one.namespace, pod?.metadata.name ?? '')).toMatch(/^1$/m)
    })
    await node().kubectl('delete', 'namespace', one.namespace, '--wait=false')
  })

  test('run the image’s own program as the probe, whatever the agent has planted on a PATH of its own', async () => {
    const one = { ...wanted, namespace: `${namespace}-probe`, replicas: 1 }
    const planted = '#!/bin/sh\\nid -u >>/tmp/planted\\n'
    // The first container plants and ends, and the probe of the second is the one to catch.
    const script = `cd /home/agent/work; [ ! -e disinto-entrypoint ] || { ${STAY}; }
      printf '${planted}' >disinto-entrypoint; chmod 755 disinto-entrypoint`
    const path = '/home/agent/work:/usr/local/bin:/usr/bin:/bin'
    await newToken()
    await project.deploy({ ...one, script, environment: { PATH: path } })
    await until(async () => {
      const [status] = statuses(await project.pods(one.namespace))
      expect(status).toMatchObject({ restartCount: 1, ready: true })
    })
    const look = 'command -v disinto-entrypoint; cat /tmp/planted 2>&1'
    const words = ['-n', one.namespace, 'exec', 'deployment/agents', '--', 'sh', '-c', look]
    expect((await node().try(words)).stdout.split('\n')).toEqual([
      '/home/agent/work/disinto-entrypoint',
      expect.stringContaining('No such file'),
    ])
    await node().kubectl('delete', 'namespace', one.namespace, '--wait=false')
  })

  test('start a container again that has ended', async () => {
    const [pod] = await project.pods(namespace)
    const name = pod?.metadata.name ?? ''
    const before = statuses(pod === undefined ? [] : [pod])[0]?.restartCount ?? 0
    // Only the agent's own uid may end it: root has no CAP_KILL there.
    const agent = ['setpriv', '--reuid', '1000', '--regid', '1000', '--clear-groups']
    const end =
      'for p in /proc/[0-9]*; do case $(tr "\\0" " " <$p/cmdline) in "sh -c trap"*) kill -TERM ${p#/proc/};; esac; done'
    const words = [...(variant === 'root' ? agent : []), 'sh', '-c', end]
    await node().try(['-n', namespace, 'exec', name, '--', ...words])
    await until(async () => {
      const again = (await project.pods(namespace)).find(({ metadata }) => metadata.name === name)
      const [status] = statuses(again === undefined ? [] : [again])
      expect({ more: (status?.restartCount ?? 0) > before, ready: status?.ready }).toEqual({
        more: true,
        ready: true,
      })
    })
  })
})

test('400 secret files are applied by the server’s side', async () => {
  const many = project.path('deploy/many')
  await mkdir(`${many}/secrets`, { recursive: true })
  const files = Array.from({ length: 400 }, (_, at) => `secrets/S${at}.enc`)
  for (const file of files) await cp(project.path('secrets/FORGE_TOKEN.enc'), `${many}/${file}`)
  await writeFile(
    `${many}/kustomization.yaml`,
    JSON.stringify({ namespace: 'default', configMapGenerator: [{ name: 'many', files }] }),
  )
  const { exitCode, stderr } = await node().try(['apply', '--server-side', '-k', many])
  expect(exitCode, stderr).toBe(0)
  await rm(many, { recursive: true })
})

test('ten pods have their node watch each ConfigMap and the Secret once, and not once each', async () => {
  const namespace = 'ten'
  const replicas = 10
  await newToken()
  await project.deploy({ namespace, variant: 'root', standard: 'baseline', replicas, script: STAY })
  await project.rolledOut(namespace)
  expect(await project.readyReplicas(namespace)).toBe(replicas)
  const watched = await node().watched(namespace)
  // A kubelet whose connection was cut, as on a busy machine, begins all of them again.
  for (const one of watched)
    expect(watched.filter((other) => other === one).length).toBeLessThan(replicas / 2)
  expect([...new Set(watched)]).toEqual([
    expect.stringMatching(/^configmaps agents-env-/),
    expect.stringMatching(/^configmaps agents-secrets-/),
    'secrets agents-key',
  ])
  await node().kubectl('delete', 'namespace', namespace)
})

test('pods recover when the node was killed and starts again', async () => {
  const containers = async () => {
    const pods = await Promise.all([...tokens.keys()].map((namespace) => project.pods(namespace)))
    return statuses(pods.flat())
  }
  const before = new Set((await containers()).map(({ containerID }) => containerID))
  expect(before.size).toBe(6)
  await node().kill()
  await node().start()
  // Until the kubelet has looked, the API says what was so before.
  await until(async () => {
    const ready = (await containers()).filter((one) => one.ready && !before.has(one.containerID))
    expect(ready).toHaveLength(6)
  })
  for (const [namespace, token] of tokens) {
    await project.rolledOut(namespace)
    for (const { metadata } of await project.pods(namespace))
      expect(await project.logs(namespace, metadata.name)).toContain(`token ${digest(token)} uid 1000`)
  }
})

test('no value is in etcd, the API, its audit log, events, the logs, or the directories of kubelet and runtime', async () => {
  expect(await node().placesOf(values)).toEqual([])
  // So the search finds what is there: the page says that the key is in etcd, in the clear.
  const key = /AGE-SECRET-KEY-\S+/.exec(await readFile(project.serviceKey, 'utf8'))?.[0] ?? ''
  const places = await node().placesOf([key])
  expect(places.some((place) => place.startsWith('etcd/'))).toBe(true)
  expect(places.some((place) => place.startsWith('log/audit'))).toBe(true)
  expect(places).toContain('the API')
  // Not on the node's disk: the volume of a Secret is in memory.
  expect(places.filter((place) => /^(?:kubelet|containerd|pod-logs)/.test(place))).toEqual([])
})
