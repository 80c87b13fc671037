import { createHash } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { build, freshValue, must, REPOSITORY } from '../image/image.ts'
import { Project, STAY, until, useCluster } from './cluster.ts'

const MUSL = 'disinto-standin/node:24.19.0-musl'
const NO_SHELL = 'disinto-standin/noshell:1'

/** Images that know nothing of disinto: Debian, one with musl and BusyBox, one with a single program. */
const IMAGES: Readonly<Record<string, { image: string; args: readonly string[] }>> = {
  'of Debian': { image: 'debian:bookworm-slim', args: ['sh', '-c', STAY] },
  'with musl': { image: MUSL, args: ['sh', '-c', STAY] },
  'without a shell': { image: NO_SHELL, args: ['/program', '--its-own-flag'] },
}

async function buildImages(): Promise<readonly string[]> {
  await must('bash', [join(REPOSITORY, 'test/ship/alpine.sh'), MUSL])
  const directory = await must('mktemp', ['-d'])
  await must('go', ['build', '-o', `${directory}/program`, 'main.go'], {
    cwd: join(REPOSITORY, 'test/cluster/noshell'),
    env: { CGO_ENABLED: '0', GOFLAGS: '' },
  })
  await writeFile(`${directory}/Dockerfile`, 'FROM scratch\nCOPY program /program\nENTRYPOINT ["/program"]\n')
  await build(NO_SHELL, directory, 'Dockerfile')
  await must('rm', ['-r', directory])
  return ['debian:bookworm-slim', MUSL, NO_SHELL].map((image) => `${image}=${image}`)
}

const { node } = useCluster(buildImages)
let project: Project
const token = freshValue('token')

beforeAll(async () => {
  project = await Project.make(node())
  await project.keys()
  await project.envFile('MODE=lent\n')
  await project.disinto(['secrets', 'add', 'FORGE_TOKEN'], token)
}, 300_000)
afterAll(() => project.remove())

test.each(Object.entries(IMAGES))(
  'an image %s starts with the value by the shim that is lent to it',
  async (what, { image, args }) => {
    const namespace = `lend-${what.replaceAll(' ', '-').toLowerCase()}`
    await project.namespace({ namespace, standard: 'restricted' })
    const directory = project.path('deploy', namespace)
    await mkdir(directory)
    await project.place(namespace)
    const security = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } }
    const deployment = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'theirs', labels: { 'disinto/lend': 'shim' } },
      spec: {
        selector: { matchLabels: { app: 'theirs' } },
        template: {
          metadata: { labels: { app: 'theirs' } },
          spec: {
            securityContext: {
              runAsNonRoot: true,
              runAsUser: 4321,
              fsGroup: 4321,
              seccompProfile: { type: 'RuntimeDefault' },
            },
            containers: [{ name: 'app', image, args, securityContext: security }],
          },
        },
      },
    }
    const kustomization = {
      apiVersion: 'kustomize.config.k8s.io/v1beta1',
      kind: 'Kustomization',
      namespace,
      resources: ['deployment.json'],
      components: ['../lend'],
      configMapGenerator: [
        { name: 'agents-env', files: ['.env.enc'] },
        { name: 'agents-secrets', files: ['secrets/FORGE_TOKEN.enc'] },
      ],
    }
    await writeFile(join(directory, 'deployment.json'), JSON.stringify(deployment))
    await writeFile(join(directory, 'kustomization.yaml'), JSON.stringify(kustomization))
    await node().kubectl('apply', '--server-side', '--validate=strict', '-k', directory)
    await until(async () => {
      const { exitCode, stderr } = await node().try([
        '-n',
        namespace,
        'rollout',
        'status',
        'deployment/theirs',
        '--timeout=60s',
      ])
      expect(exitCode, stderr).toBe(0)
    })
    const log = await node().kubectl('-n', namespace, 'logs', 'deployment/theirs')
    expect(log).toContain(`token ${createHash('sha256').update(token).digest('hex').slice(0, 16)}`)
    expect(log).toContain('disinto: 2 secrets: MODE, FORGE_TOKEN')
    await node().kubectl('delete', 'namespace', namespace, '--wait=false')
  },
)
