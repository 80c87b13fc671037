/** Files that a Vault or an AWS KMS opens for pods: docs/kubernetes.md, "A KMS or Vault in place of the Secret". */
import { createHash } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { parse } from 'yaml'
import { freshValue } from '../image/image.ts'
import { fetchServices, type Service, sopsDotenv, startKms, startVault } from '../kms/kms.ts'
import { block, type Pod, Project, STAY, useCluster } from './cluster.ts'

const { node } = useCluster()
const values: string[] = []

/** What keeps the keys of one kind. */
interface Keeper {
  readonly service: Service
  /** For whom sops encrypts. */
  readonly flags: readonly string[]
  readonly settings: Readonly<Record<string, string>>
  readonly credentials: Readonly<Record<string, string>>
  /** Has it refuse what it has been asked so far. */
  refuse(): void
}

async function startVaultKeeper(): Promise<Keeper> {
  const service = await startVault(await node().network())
  const { token, revoke } = service.token()
  return {
    service,
    flags: ['--hc-vault-transit', service.key],
    settings: { VAULT_ADDR: service.url },
    credentials: { VAULT_TOKEN: token },
    refuse: revoke,
  }
}

async function startKmsKeeper(): Promise<Keeper> {
  const service = await startKms(await node().network())
  return {
    service,
    flags: ['--kms', service.key],
    settings: {
      AWS_ENDPOINT_URL: service.url,
      AWS_ACCESS_KEY_ID: 'test',
      AWS_MAX_ATTEMPTS: '1',
      AWS_EC2_METADATA_DISABLED: 'true',
    },
    credentials: {
      AWS_SECRET_ACCESS_KEY: freshValue('secret'),
      AWS_SESSION_TOKEN: freshValue('session'),
    },
    refuse: service.forget,
  }
}

beforeAll(fetchServices, 600_000)

describe.each([
  { kind: 'hc_vault', where: 'a Vault', start: startVaultKeeper },
  { kind: 'kms', where: 'AWS KMS', start: startKmsKeeper },
])('a pod whose files $where opens', ({ kind, start }) => {
  const namespace = `by-${kind.replace('_', '-')}`
  const token = freshValue('token')
  const deploy = {
    namespace,
    standard: 'baseline',
    variant: 'overlay',
    replicas: 1,
    script: `env | cut -d= -f1; ${STAY}`,
  } as const
  let project: Project
  let keeper: Keeper

  /** The overlay of the page, with where this keeper is and its credentials by a Secret. */
  async function writeOverlay(): Promise<void> {
    const patch = parse(await block('vault: patch'))
    const [container] = patch.spec.template.spec.containers
    const keyRef = (name: string) => ({ secretKeyRef: { name: 'agents-vault', key: name } })
    container.env = [
      { name: 'DISINTO_KEY_TYPES', value: kind },
      ...Object.entries(keeper.settings).map(([name, value]) => ({ name, value })),
      ...Object.keys(keeper.credentials).map((name) => ({ name, valueFrom: keyRef(name) })),
    ]
    await mkdir(project.path('deploy/overlay'))
    await writeFile(project.path('deploy/overlay/kustomization.yaml'), await block('vault: kustomization'))
    await writeFile(project.path('deploy/overlay/vault.yaml'), JSON.stringify(patch))
  }

  async function writeFiles(): Promise<void> {
    const { enter } = await node().network()
    const seal = (text: string) =>
      sopsDotenv(text, keeper.flags, { ...keeper.settings, ...keeper.credentials }, enter)
    const mode = freshValue('mode')
    values.push(mode, token)
    await mkdir(project.path('deploy/root/secrets'))
    await writeFile(project.path('deploy/root/.env.enc'), seal(`MODE=${mode}\n`))
    await writeFile(project.path('deploy/root/secrets/FORGE_TOKEN.enc'), seal(`FORGE_TOKEN=${token}\n`))
  }

  beforeAll(async () => {
    keeper = await start()
    project = await Project.make(node())
    await writeOverlay()
    await writeFiles()
    await node().kubectl('create', 'namespace', namespace)
    const words = Object.entries(keeper.credentials).map(async ([name, value]) => {
      await writeFile(project.path(name), value)
      return `--from-file=${name}=${project.path(name)}`
    })
    const secret = ['create', 'secret', 'generic', 'agents-vault', ...(await Promise.all(words))]
    await node().kubectl('-n', namespace, ...secret)
  }, 300_000)
  afterAll(async () => {
    await keeper.service.stop()
    await project.remove()
  })

  /** Starts a new pod that must not become ready, for this reason; the old one stays. */
  async function expectRefused(reason: RegExp): Promise<void> {
    const ready = async () =>
      (await project.pods(namespace)).filter(({ status }) =>
        status.containerStatuses?.every((one) => one.ready),
      )
    const before = await ready()
    expect(before).toHaveLength(1)
    await node().kubectl('-n', namespace, 'rollout', 'restart', 'deployment/agents')
    let messages = ''
    // A node that is busy for a minute is said not to be ready, with all its pods: what stays is the pod, and its container.
    const refused = async () => {
      messages = await project.messages(namespace)
      expect(messages).toMatch(reason)
    }
    await vi.waitFor(refused, { timeout: 240_000, interval: 500 })
    const whoIs = (pods: readonly Pod[]) =>
      pods.map(({ metadata, status }) => [
        metadata.name,
        metadata.deletionTimestamp,
        status.containerStatuses?.map(({ containerID }) => containerID),
      ])
    await vi.waitFor(async () => expect(whoIs(await ready())).toEqual(whoIs(before)), 120_000)
    for (const one of [...values, ...Object.values(keeper.credentials)])
      expect(messages.includes(one)).toBe(false)
  }

  test('starts, and its command has the values and none of the credentials', async () => {
    await project.apply(deploy)
    await project.rolledOut(namespace)
    const log = await node().kubectl('-n', namespace, 'logs', 'deployment/agents')
    expect(log).toContain('disinto: 2 secrets: MODE, FORGE_TOKEN')
    expect(log).toContain(`token ${createHash('sha256').update(token).digest('hex').slice(0, 16)} uid 1000`)
    const names = log.split('\n')
    expect(names).toEqual(expect.arrayContaining(['MODE', 'FORGE_TOKEN', ...Object.keys(keeper.settings)]))
    for (const name of Object.keys(keeper.credentials)) expect(names).not.toContain(name)
  })

  test('does not start once it is refused there, and the old pod stays', async () => {
    keeper.refuse()
    await expectRefused(new RegExp(`the service that holds its ${kind} key refused to decrypt with it`))
  })

  test('does not start once the service has stopped, and the old pod stays', async () => {
    await keeper.service.stop()
    await expectRefused(new RegExp(`the service that holds its ${kind} key can't be reached`))
  })
})

test('no value is anywhere that the cluster keeps things', async () => {
  expect(await node().placesOf(values)).toEqual([])
})
