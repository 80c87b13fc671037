import { chmod, chown, cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Deployment, type IDeployment } from 'kubernetes-models/apps/v1'
import { ConfigMap, type IConfigMap, type IContainer, type IPodSpec } from 'kubernetes-models/v1'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { build, docker, freshValue, IMAGE, must, Place, REPOSITORY, run } from '../image/image.ts'
import { answers } from './ship.ts'

interface Rendered {
  readonly deployment: IDeployment
  readonly pod: IPodSpec
  readonly container: IContainer
  readonly configMap: IConfigMap
}

let site = ''
let kustomize: [program: string, ...words: string[]] = ['kubectl', 'kustomize']

beforeAll(async () => {
  site = await mkdtemp(join(tmpdir(), 'disinto-kubernetes-'))
  await cp(join(REPOSITORY, 'deploy/kubernetes'), site, { recursive: true })
  await mkdir(join(site, 'root/secrets'), { recursive: true })
  // kubectl has kustomize built in; where there is none, Go builds it alone.
  if (!answers('kubectl', ['kustomize', '--help'])) {
    const program = 'sigs.k8s.io/kustomize/kustomize/v5@v5.8.1'
    await must('go', ['install', program], { env: { GOBIN: join(site, 'bin') } })
    kustomize = [join(site, 'bin/kustomize'), 'build']
  }
  await build(IMAGE, REPOSITORY)
}, 1_800_000)
afterAll(() => rm(site, { recursive: true, force: true }))

/** A Kustomization as `kubectl apply -k` would send it, with the files of a place. */
async function render(variant: string, place: Place): Promise<Rendered> {
  for (const file of ['.env.enc', 'secrets/FORGE_TOKEN.enc']) {
    await cp(place.path(file), join(site, 'root', file))
  }
  const [program, ...words] = kustomize
  const text = await must(program, [...words, join(site, variant)])
  const documents = parseAllDocuments(text).map((document): unknown => document.toJS())
  const deployment = documents.find((document): document is IDeployment => Deployment.is(document))
  const configMap = documents.find((document): document is IConfigMap => ConfigMap.is(document))
  const pod = deployment?.spec?.template.spec
  const container = pod?.containers[0]
  expect(documents).toHaveLength(2)
  if (!deployment || !configMap || !pod || !container) throw new Error(`${variant} has not all its parts`)
  return { deployment, pod, container, configMap }
}

async function aPlace(token: string): Promise<Place> {
  return (await (await Place.make()).envFile({ MODE: 'kubernetes' })).secret('FORGE_TOKEN', token)
}

describe.each(['root', 'non-root'])('the manifests of %s', (variant) => {
  test('are valid by the API’s schemas', async () => {
    const { deployment, configMap } = await render(variant, await aPlace('value'))
    new Deployment(deployment).validate()
    new ConfigMap(configMap).validate()
  })

  test('have no field that the API does not know', async () => {
    const { deployment } = await render(variant, await aPlace('value'))
    const directory = join(site, `types-${variant}`)
    await mkdir(directory)
    await symlink(join(REPOSITORY, 'node_modules'), join(directory, 'node_modules'))
    await writeFile(join(directory, 'package.json'), '{"type":"module"}')
    const check = async (value: unknown) => {
      const lines = [
        "import type { IDeployment } from 'kubernetes-models/apps/v1'",
        `export const deployment: IDeployment = ${JSON.stringify(value)}`,
      ]
      await writeFile(join(directory, 'check.ts'), lines.join('\n'))
      const words = [
        '--noEmit',
        '--strict',
        '--skipLibCheck',
        '--module',
        'nodenext',
        '--ignoreConfig',
        'check.ts',
      ]
      return run(join(REPOSITORY, 'node_modules/.bin/tsc'), words, { cwd: directory })
    }
    expect(await check(deployment)).toEqual({ exitCode: 0, stdout: '', stderr: '' })
    const misspelt = structuredClone(deployment)
    Object.assign(misspelt.spec?.template.spec ?? {}, { enableServiceLink: false })
    expect((await check(misspelt)).stdout).toContain('enableServiceLink')
  })

  test('keep the Pod Security Standard that the page claims', async () => {
    const { pod, container } = await render(variant, await aPlace('value'))
    const context = { ...pod.securityContext, ...container.securityContext }
    expect(context.seccompProfile).toEqual({ type: 'RuntimeDefault' })
    expect(context.allowPrivilegeEscalation).toBe(false)
    expect(context.readOnlyRootFilesystem).toBe(true)
    expect(context.capabilities?.drop).toEqual(['ALL'])
    for (const setting of ['hostNetwork', 'hostPID', 'hostIPC'] as const) expect(pod[setting]).toBeUndefined()
    // What else the standards name is not here at all: host paths, ports, privileges, other profiles, sysctls.
    for (const volume of pod.volumes ?? []) expect(volume.hostPath).toBeUndefined()
    expect(container.securityContext).not.toHaveProperty('privileged')
    expect(container.securityContext).not.toHaveProperty('procMount')
    if (variant === 'root') expect(context.capabilities?.add).toEqual(['SETUID', 'SETGID'])
    else {
      expect(context.capabilities?.add).toBeUndefined()
      expect({ runAsNonRoot: context.runAsNonRoot, uid: context.runAsUser }).toEqual({
        runAsNonRoot: true,
        uid: 1000,
      })
    }
  })

  test('change the ConfigMap’s name with a file, so that the Deployment rolls over', async () => {
    const place = await aPlace('first')
    const nameIn = ({ pod, configMap }: Rendered) => {
      const used = pod.volumes?.find(({ name }) => name === 'files')?.configMap?.name
      expect(used).toBe(configMap.metadata?.name)
      return used
    }
    const before = nameIn(await render(variant, place))
    await place.secret('FORGE_TOKEN', 'second')
    expect(nameIn(await render(variant, place))).not.toBe(before)
  })

  /** Puts a volume's files where the kubelet would: in a directory of their time, behind symbolic links. */
  async function layOut(
    name: string,
    files: ReadonlyArray<{ path: string; content: string | Buffer }>,
    mode: number,
    group: number,
  ): Promise<string> {
    const volume = await mkdtemp(join(site, `${name}-`))
    const real = join(volume, '..2026_11_25_03_00_00.1')
    for (const { path, content } of files) {
      await mkdir(dirname(join(real, path)), { recursive: true })
      await writeFile(join(real, path), content)
      await chmod(join(real, path), mode)
      await chown(join(real, path), 0, group)
      const first = path.split('/')[0] ?? ''
      await symlink(`..data/${first}`, join(volume, first)).catch(() => undefined)
    }
    await symlink('..2026_11_25_03_00_00.1', join(volume, '..data'))
    await chmod(volume, 0o755)
    await chmod(real, 0o755)
    return volume
  }

  /** The container of the manifest, as far as a Docker Engine can do what it says. */
  async function runAsSaid(place: Place, script: string, more: readonly string[] = []) {
    const { pod, container, configMap } = await render(variant, place)
    const group = pod.securityContext?.fsGroup ?? 0
    const flags = ['--security-opt', 'no-new-privileges']
    for (const { name, mountPath, readOnly } of container.volumeMounts ?? []) {
      const volume = (pod.volumes ?? []).find((one) => one.name === name)
      const items = volume?.configMap?.items ?? volume?.secret?.items ?? []
      if (volume?.emptyDir !== undefined) flags.push('--tmpfs', `${mountPath}:mode=0777`)
      else {
        const files = await Promise.all(
          items.map(async ({ key, path }) => ({
            path,
            content: configMap.data?.[key] ?? (await readFile(place.path('age', key))),
          })),
        )
        const mode = volume?.secret?.defaultMode ?? 0o644
        flags.push(
          '--volume',
          `${await layOut(name, files, mode, group)}:${mountPath}:${readOnly ? 'ro' : 'rw'}`,
        )
      }
    }
    const context = { ...pod.securityContext, ...container.securityContext }
    flags.push('--user', `${context.runAsUser}:${context.runAsGroup ?? 0}`, '--group-add', String(group))
    if (context.readOnlyRootFilesystem === true) flags.push('--read-only')
    for (const capability of context.capabilities?.drop ?? []) flags.push('--cap-drop', capability)
    for (const capability of context.capabilities?.add ?? []) flags.push('--cap-add', capability)
    for (const { name, value } of container.env ?? []) flags.push('--env', `${name}=${value}`)
    return docker(['run', '--rm', '--network', 'none', ...flags, ...more, IMAGE, 'sh', '-c', script])
  }

  test('run the image with its values, as uid 1000 without capabilities', async () => {
    const token = freshValue('token')
    const place = await aPlace(token)
    const script = 'echo "$FORGE_TOKEN $MODE"; id -u; grep CapEff /proc/self/status'
    const { stdout, exitCode } = await runAsSaid(place, script)
    expect({ stdout, exitCode }).toEqual({
      stdout: `${token} kubernetes\n1000\nCapEff:\t${'0'.repeat(16)}`,
      exitCode: 0,
    })
  })

  test('say who can read the key', async () => {
    const key = variant === 'root' ? '/home/agent/.config/sops/age/keys.txt' : '/run/disinto/age/keys.txt'
    const { stdout, stderr } = await runAsSaid(
      await aPlace('value'),
      `cat ${key} >/dev/null 2>&1 && echo reads; true`,
    )
    expect(stdout).toBe(variant === 'root' ? '' : 'reads')
    expect(stderr.includes('other users can read this key')).toBe(variant === 'non-root')
  })

  test('give --as-file memory to write to', async () => {
    const token = freshValue('token')
    const place = await aPlace(token)
    const script =
      'cat "$FORGE_TOKEN_FILE"; echo; stat -f -c %T "$FORGE_TOKEN_FILE"; stat -c "%a %u" "$FORGE_TOKEN_FILE"'
    const { stdout } = await runAsSaid(place, script, ['--env', 'DISINTO_AS_FILE=FORGE_TOKEN'])
    expect(stdout).toBe(`${token}\ntmpfs\n400 1000`)
  })
})
