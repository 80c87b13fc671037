/** A real Kubernetes of one node, and a project whose files and key go there as docs/kubernetes.md says. */
import { existsSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, vi } from 'vitest'
import { patternsFor } from '../../src/redact/forms.ts'
import { build, IMAGE, must, REPOSITORY, type Result, run, writeScript } from '../image/image.ts'
import type { Network } from '../kms/kms.ts'

const HERE = fileURLToPath(new URL('.', import.meta.url))
const DISINTO = join(REPOSITORY, 'entrypoint/disinto.js')
/** Where tools/test.mjs had build.sh put the programs. */
const PROGRAMS = process.env['KUBERNETES_PROGRAMS'] ?? ''
/** The node's own, in node.sh. */
const ADDRESS = '10.99.0.1'
const PATIENCE = 300_000

export const until = (check: () => Promise<void>): Promise<void> =>
  vi.waitFor(check, { timeout: PATIENCE, interval: 200 })

const KUBELET = 'system:node:node1'

interface AuditEvent {
  readonly verb: string
  readonly stage: string
  readonly user: { readonly username: string }
  readonly objectRef?: { readonly namespace?: string; readonly resource?: string; readonly name?: string }
}

/** The node that the tests of a file share; its directory is searched for values in the end. */
export class Cluster {
  readonly directory: string
  readonly #images: readonly string[]

  private constructor(directory: string, images: readonly string[]) {
    this.directory = directory
    this.#images = images
  }

  /** A node that has the agent image, and others of the engine: `IMAGE=NAME`, NAME as the manifests have it. */
  static async make(images: readonly string[]): Promise<Cluster> {
    return new Cluster(await mkdtemp('/var/tmp/disinto-cluster-'), images)
  }

  /** Starts the node, or starts it again with what it had. */
  async start(): Promise<void> {
    const words = ['start', PROGRAMS, this.directory, `${IMAGE}=disinto-agent:0.1.0`, ...this.#images]
    await must('bash', [join(HERE, 'cluster.sh'), ...words])
  }

  /** Ends every process of the node by SIGKILL. */
  async kill(): Promise<void> {
    await must('bash', [join(HERE, 'cluster.sh'), 'stop', this.directory])
  }

  async remove(): Promise<void> {
    await this.kill()
    await rm(this.directory, { recursive: true, force: true })
  }

  /** Where programs run that pods are to reach: beside the node, not in a pod. */
  async network(): Promise<Network> {
    const pid = (await readFile(join(this.directory, 'pid'), 'utf8')).trim()
    return { address: ADDRESS, enter: ['nsenter', '--target', pid, '--net', '--'] }
  }

  /** A shell's words for kubectl as admin, in a namespace. */
  kubectlIn(namespace: string): string {
    return `bash "${join(HERE, 'cluster.sh')}" kubectl "${PROGRAMS}" "${this.directory}" --namespace ${namespace}`
  }

  /**
   * Where any of these values is, in any form that a value may show up in: files that the node's parts have written
   * (etcd, the audit log, the kubelet, pods' logs, the runtime's store and state), and answers of the API.
   */
  async placesOf(values: readonly string[]): Promise<readonly string[]> {
    const patterns = patternsFor(values.map((value) => ['', value])).map(({ bytes }) => bytes.toString())
    const pid = (await readFile(join(this.directory, 'pid'), 'utf8')).trim()
    // As the node sees it, since its state is in a /run of its own. What is mounted below is left out: volumes in
    // memory, which hold the key and value files, and the roots of containers, whose layers are in the store.
    const search = `find "$0" /run -xdev -type f ! -name images.tar -print0 | xargs -0 grep -laF -f "$1" || [ $? = 123 ]`
    const list = join(tmpdir(), `disinto-cluster-patterns-${process.pid}`)
    await writeFile(list, `${patterns.join('\n')}\n`, { mode: 0o600 })
    const enter = ['--target', pid, '--mount', '--', 'sh', '-c', search, this.directory, list]
    const files = await run('nsenter', enter).finally(() => rm(list))
    expect(files.exitCode, files.stderr).toBe(0)
    const kinds = (await this.kubectl('api-resources', '--verbs=list', '--output=name')).split('\n').join()
    const answers = {
      'the API': await this.kubectl('get', kinds, '--all-namespaces', '--output=yaml'),
      describe: await this.kubectl('describe', 'pods,deployments,configmaps,secrets', '--all-namespaces'),
    }
    const told = Object.entries(answers).filter(([, text]) => patterns.some((one) => text.includes(one)))
    const paths = files.stdout.split('\n').filter((path) => path !== '')
    return [...paths.map((path) => path.replace(`${this.directory}/`, '')), ...told.map(([name]) => name)]
  }

  /** What the kubelet has watched in a namespace by the audit log, an entry for each time that it began to. */
  async watched(namespace: string): Promise<readonly string[]> {
    const lines = (await readFile(join(this.directory, 'log/audit'), 'utf8')).trim().split('\n')
    const watches = lines
      .map((line) => JSON.parse(line) as AuditEvent)
      // A watch has a line where it begins and another where it ends.
      .filter(({ verb, stage }) => verb === 'watch' && stage === 'ResponseStarted')
      .filter(({ user, objectRef }) => user.username === KUBELET && objectRef?.namespace === namespace)
    return watches.map(({ objectRef }) => `${objectRef?.resource} ${objectRef?.name}`).sort()
  }

  /** kubectl, whatever it ends with. */
  async try(words: readonly string[], input = ''): Promise<Result> {
    const all = [join(HERE, 'cluster.sh'), 'kubectl', PROGRAMS, this.directory, ...words]
    const ended = await execa('bash', all, { input, reject: false, timeout: PATIENCE })
    return { exitCode: ended.exitCode ?? -1, stdout: ended.stdout, stderr: ended.stderr }
  }

  /** kubectl, which must end well; its standard output. */
  async kubectl(...words: string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await this.try(words)
    expect(exitCode, `kubectl ${words.join(' ')}: ${stderr}`).toBe(0)
    return stdout
  }
}

/** For the top of a file: the image and a node, from before its first test to after its last. */
export function useCluster(images: () => Promise<readonly string[]> = async () => []): {
  readonly node: () => Cluster
} {
  let cluster: Cluster | undefined
  beforeAll(async () => {
    if (!existsSync(join(PROGRAMS, 'kubernetes')))
      throw new Error('needs Kubernetes: node tools/test.mjs cluster builds it (test/cluster/build.sh)')
    await build(IMAGE, REPOSITORY)
    cluster = await Cluster.make(await images())
    await cluster.start()
  }, 1_800_000)
  afterAll(async () => {
    await cluster?.remove()
  }, 120_000)
  return {
    node: () => {
      if (cluster === undefined) throw new Error('the node has not been started')
      return cluster
    },
  }
}

/** The code block of docs/kubernetes.md that follows a comment. */
export async function block(comment: string): Promise<string> {
  const page = await readFile(join(REPOSITORY, 'docs/kubernetes.md'), 'utf8')
  const text = page.split(`<!-- ${comment} -->\n\`\`\``)[1]?.split('```')[0]
  if (text === undefined) throw new Error(`docs/kubernetes.md has no block ${comment}`)
  return text.slice(text.indexOf('\n') + 1)
}

/** A namespace that is to keep a Pod Security Standard, with the Secret of the page. */
export interface Deployed {
  readonly namespace: string
  readonly standard: 'baseline' | 'restricted'
  /** The directory of deploy/kubernetes, or one beside it. */
  readonly variant: string
  readonly replicas: number
  /** A shell script for the agent. */
  readonly script: string
  readonly environment?: Readonly<Record<string, string>>
}

/** A project with keys made as the page makes them, and the manifests beside its files. */
export class Project {
  readonly directory: string
  readonly home: string
  readonly cluster: Cluster

  private constructor(base: string, name: string, cluster: Cluster) {
    this.directory = join(base, name)
    this.home = join(base, 'home')
    this.cluster = cluster
  }

  static async make(cluster: Cluster, name = 'factory'): Promise<Project> {
    const base = await mkdtemp(join(tmpdir(), 'disinto-cluster-project-'))
    const project = new Project(base, name, cluster)
    await mkdir(project.directory)
    await mkdir(project.home)
    await project.disinto(['init'])
    await cp(join(REPOSITORY, 'deploy/kubernetes'), project.path('deploy'), { recursive: true })
    return project
  }

  async remove(): Promise<void> {
    await rm(dirname(this.directory), { recursive: true, force: true })
  }

  path(...parts: string[]): string {
    return join(this.directory, ...parts)
  }

  async disinto(words: readonly string[], input = ''): Promise<string> {
    const environment = { PATH: process.env['PATH'] ?? '', HOME: this.home }
    const ended = await execa(process.execPath, [DISINTO, ...words], {
      cwd: this.directory,
      env: environment,
      extendEnv: false,
      input,
      reject: false,
    })
    expect(ended.exitCode, `disinto ${words.join(' ')}: ${ended.stderr}`).toBe(0)
    return ended.stdout
  }

  async envFile(text: string): Promise<void> {
    await writeFile(this.path('.env'), text)
    await this.disinto(['secrets', 'migrate'])
  }

  /** Runs blocks of docs/kubernetes.md, as they stand there, in a namespace. */
  async follow(namespace: string, ...names: readonly string[]): Promise<string> {
    const bin = join(this.home, 'bin')
    await mkdir(bin, { recursive: true })
    await writeScript(join(bin, 'disinto'), `#!/bin/sh\nexec "${process.execPath}" "${DISINTO}" "$@"\n`)
    await writeScript(join(bin, 'kubectl'), `#!/bin/sh\nexec ${this.cluster.kubectlIn(namespace)} "$@"\n`)
    const script = await Promise.all(names.map((name) => block(`run: ${name}`)))
    const env = { PATH: `${bin}:${process.env['PATH']}`, HOME: this.home }
    const ended = await run('sh', ['-euc', script.join('\n')], { cwd: this.directory, env })
    expect(ended.exitCode, ended.stderr).toBe(0)
    return ended.stdout
  }

  /** Puts the files where the kustomization takes them from. */
  async place(variant = 'root'): Promise<void> {
    await mkdir(this.path('deploy', variant, 'secrets'), { recursive: true })
    await cp(this.path('.env.enc'), this.path('deploy', variant, '.env.enc'))
    await cp(this.path('secrets'), this.path('deploy', variant, 'secrets'), { recursive: true })
  }

  /** The service key, and what it opens, as docs/kubernetes.md has them made. */
  async keys(): Promise<void> {
    await this.disinto(['secrets', 'keygen'])
    const recipient = await this.disinto(['secrets', 'keygen', '--service', 'agents'])
    await this.disinto(['secrets', 'recipients', 'add', recipient, '--secrets'])
  }

  get serviceKey(): string {
    return join(this.home, '.config/sops/age', basename(this.directory), 'agents/keys.txt')
  }

  /** Makes the namespace, once, with the key in it. */
  async namespace({ namespace, standard }: Pick<Deployed, 'namespace' | 'standard'>): Promise<void> {
    const { cluster } = this
    await cluster.kubectl('create', 'namespace', namespace)
    await cluster.kubectl('label', 'namespace', namespace, `pod-security.kubernetes.io/enforce=${standard}`)
    const words = ['create', 'secret', 'generic', 'agents-key', `--from-file=keys.txt=${this.serviceKey}`]
    await cluster.kubectl('--namespace', namespace, ...words)
  }

  /** Applies a variant with another script and environment laid over it, as an overlay of a user's would. */
  async apply(wanted: Deployed): Promise<void> {
    const { namespace, variant, replicas, script, environment = {} } = wanted
    const overlay = this.path('deploy', `overlay-${namespace}`)
    await mkdir(overlay, { recursive: true })
    const env = Object.entries(environment).map(([name, value]) => ({ name, value }))
    const patch = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'agents' },
      spec: { template: { spec: { containers: [{ name: 'agent', env, args: ['sh', '-c', script] }] } } },
    }
    const kustomization = {
      apiVersion: 'kustomize.config.k8s.io/v1beta1',
      kind: 'Kustomization',
      namespace,
      resources: [`../${variant}`],
      replicas: [{ name: 'agents', count: replicas }],
      patches: [{ path: 'patch.json' }],
    }
    await writeFile(join(overlay, 'patch.json'), JSON.stringify(patch))
    await writeFile(join(overlay, 'kustomization.yaml'), JSON.stringify(kustomization))
    await this.cluster.kubectl('apply', '--server-side', '--validate=strict', '-k', overlay)
  }

  async deploy(wanted: Deployed): Promise<void> {
    await this.namespace(wanted)
    await this.apply(wanted)
  }

  rolledOut(namespace: string): Promise<string> {
    return this.cluster.kubectl('-n', namespace, 'rollout', 'status', 'deployment/agents', '--timeout=120s')
  }

  async readyReplicas(namespace: string): Promise<number> {
    const words = ['get', 'deployment', 'agents', '--output', 'jsonpath={.status.readyReplicas}']
    return Number(await this.cluster.kubectl('-n', namespace, ...words))
  }

  /** The fewest replicas that were ready at any look, up to the moment a condition holds. */
  async fewestReadyUntil(namespace: string, condition: () => Promise<boolean>): Promise<number> {
    let fewest = Number.POSITIVE_INFINITY
    const end = Date.now() + PATIENCE
    for (;;) {
      fewest = Math.min(fewest, await this.readyReplicas(namespace))
      if (await condition()) return fewest
      if (Date.now() > end) throw new Error(`${namespace}: the condition did not come to hold`)
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }

  async pods(namespace: string): Promise<readonly Pod[]> {
    const text = await this.cluster.kubectl('-n', namespace, 'get', 'pods', '--output', 'json')
    return (JSON.parse(text) as { items: Pod[] }).items
  }

  /** What the containers that ended have left for `kubectl describe pod`. */
  async messages(namespace: string): Promise<string> {
    const statuses = (await this.pods(namespace)).flatMap(({ status }) => status.containerStatuses ?? [])
    return statuses
      .map(({ lastState, state }) => (lastState.terminated ?? state.terminated)?.message ?? '')
      .join('\n')
  }

  logs(namespace: string, pod: string): Promise<string> {
    return this.cluster.kubectl('-n', namespace, 'logs', pod)
  }
}

interface ContainerState {
  readonly terminated?: { readonly exitCode: number; readonly message?: string }
}

export interface Pod {
  readonly metadata: { readonly name: string; readonly deletionTimestamp?: string }
  readonly spec: { readonly volumes: ReadonlyArray<{ readonly secret?: { readonly secretName: string } }> }
  readonly status: {
    readonly phase: string
    readonly containerStatuses?: ReadonlyArray<{
      readonly containerID?: string
      readonly ready: boolean
      readonly restartCount: number
      readonly state: ContainerState
      readonly lastState: ContainerState
    }>
  }
}

/** A script that says a digest of the token, and stays until it is told to end. */
export const STAY =
  'trap "exit 0" TERM; echo "token $(printf %s "$FORGE_TOKEN" | sha256sum | cut -c1-16) uid $(id -u)"; while :; do sleep 1; done'
