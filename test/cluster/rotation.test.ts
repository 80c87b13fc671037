/** The key of a service changed on a cluster, by the commands of docs/kubernetes.md as they stand there. */
import { createHash } from 'node:crypto'
import { copyFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freshValue, must, REPOSITORY, run } from '../image/image.ts'
import { Project, STAY, until, useCluster } from './cluster.ts'

const NAMESPACE = 'rotates'
const { node } = useCluster()
let project: Project
const token = freshValue('token')
const mode = freshValue('mode')
const oldKey = () => project.path('old-keys.txt')

async function edit(from: string, to: string): Promise<void> {
  const file = project.path('root/deployment.yaml')
  const text = await readFile(file, 'utf8')
  expect(text).toContain(from)
  await writeFile(file, text.replace(from, to))
}

/** Whether all three pods have this Secret, the token, and no other beside them. */
async function areOn(secret: string): Promise<boolean> {
  const pods = await project.pods(NAMESPACE)
  const good = pods.filter(
    ({ spec, status }) =>
      spec.volumes.some((volume) => volume.secret?.secretName === secret) &&
      status.containerStatuses?.every(({ ready, restartCount }) => ready && restartCount === 0),
  )
  return pods.length === 3 && good.length === 3
}

async function expectToken(): Promise<void> {
  const digest = createHash('sha256').update(token).digest('hex').slice(0, 16)
  for (const { metadata } of await project.pods(NAMESPACE))
    expect(await project.logs(NAMESPACE, metadata.name)).toContain(`token ${digest} uid 1000`)
}

beforeAll(async () => {
  // The name that the page has.
  project = await Project.make(node(), 'myproject')
  await must('cp', ['-R', join(REPOSITORY, 'deploy/kubernetes/root'), project.path('root')])
  await project.disinto(['secrets', 'keygen'])
  await project.envFile(`MODE=${mode}\n`)
  await project.disinto(['secrets', 'add', 'FORGE_TOKEN'], token)
  await edit('args: [my-agent]', `args: ${JSON.stringify(['sh', '-c', STAY])}`)
  await node().kubectl('create', 'namespace', NAMESPACE)
}, 300_000)
afterAll(() => project.remove())

test('the page’s commands deploy three replicas', async () => {
  await project.follow(NAMESPACE, 'key', 'deploy')
  await project.rolledOut(NAMESPACE)
  await until(async () => expect(await areOn('agents-key')).toBe(true))
  await expectToken()
})

test('its commands rotate the key, with three replicas ready at every look', async () => {
  await copyFile(project.serviceKey, oldKey())
  await project.follow(NAMESPACE, 'rotate-key')
  await edit('secretName: agents-key', 'secretName: agents-key-2')
  await project.follow(NAMESPACE, 'deploy')
  expect(await project.fewestReadyUntil(NAMESPACE, () => areOn('agents-key-2'))).toBe(3)
  await expectToken()
  const decrypt = ['decrypt', '--output-type', 'json', project.path('secrets/FORGE_TOKEN.enc')]
  const opened = await run('sops', decrypt, { env: { SOPS_AGE_KEY_FILE: oldKey(), HOME: '/nonexistent' } })
  expect(opened.exitCode).not.toBe(0)
})

test('undo brings back the old files with the old key, and another deploy the new, at no look with fewer than three', async () => {
  await node().kubectl('-n', NAMESPACE, 'rollout', 'undo', 'deployment/agents')
  expect(await project.fewestReadyUntil(NAMESPACE, () => areOn('agents-key'))).toBe(3)
  await expectToken()
  await project.follow(NAMESPACE, 'after-undo')
  expect(await project.fewestReadyUntil(NAMESPACE, () => areOn('agents-key-2'))).toBe(3)
})

test('new files under the old key end the new pods, and the three old ones stay', async () => {
  await node().kubectl(
    '-n',
    NAMESPACE,
    'create',
    'secret',
    'generic',
    'stale',
    `--from-file=keys.txt=${oldKey()}`,
  )
  await edit('secretName: agents-key-2', 'secretName: stale')
  await project.follow(NAMESPACE, 'deploy')
  const refused = async () => /none of the age identities/.test(await project.messages(NAMESPACE))
  expect(await project.fewestReadyUntil(NAMESPACE, refused)).toBe(3)
  await edit('secretName: stale', 'secretName: agents-key-2')
  await project.follow(NAMESPACE, 'deploy')
  expect(await project.fewestReadyUntil(NAMESPACE, () => areOn('agents-key-2'))).toBe(3)
})

test('its last commands delete the old key, and pods start without it', async () => {
  await project.follow(NAMESPACE, 'forget-key')
  await node().kubectl('-n', NAMESPACE, 'rollout', 'restart', 'deployment/agents')
  await project.rolledOut(NAMESPACE)
  await until(async () => expect(await areOn('agents-key-2')).toBe(true))
  await expectToken()
  expect(await node().placesOf([token, mode])).toEqual([])
})
