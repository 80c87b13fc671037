/**
 * What a mount of the compose file would show to a run.
 * And whether somebody let it through by name.
 */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { quote } from '../../quote.ts'
import { realPath } from '../files/real-path.ts'
import type { Project } from '../project.ts'

/** A mount of the compose file, as the engine is to make it. */
export interface Mount {
  readonly type: 'bind' | 'volume' | 'tmpfs'
  /** A path of the host, or a volume's name; undefined for a volume that the engine makes for this container. */
  readonly source: string | undefined
  readonly target: string
  readonly readOnly: boolean
  /** A volume of ours, which is in the engine's memory and nowhere else. */
  readonly inMemory?: true
}

/** What a mount gives that a run must not have. */
export interface Surplus {
  /** In words: "the operator key (volumes: "/home/me/.config/sops/age")". */
  readonly what: string
  /** The option that would let it through; undefined where nothing does. */
  readonly allow?: string
}

const contains = (directory: string, path: string): boolean =>
  directory === '/' || path === directory || path.startsWith(`${directory.replace(/\/$/, '')}/`)

interface Hidden {
  readonly what: string
  readonly path: string
}

/** What no run sees, whatever is let through. `engine` is the engine's socket, where it has one. */
function neverShown(project: Project, engine: string | undefined): Hidden[] {
  const keys = project.operatorKeyFile
  const services = project.serviceKeysDir
  const sockets = ['/var/run/docker.sock', '/run/docker.sock', '/run/containerd', ...(engine ? [engine] : [])]
  return [
    ...(existsSync(project.plainEnvFile) ? [{ what: '.env', path: project.plainEnvFile }] : []),
    ...(keys === undefined ? [] : [{ what: 'the operator key', path: keys }]),
    ...(services === undefined ? [] : [{ what: 'a service key', path: services }]),
    ...sockets.map((path) => ({ what: 'the Docker Engine, and so the host', path })),
    // Where the files of runs are.
    { what: 'what other runs have in memory', path: '/dev/shm' },
    { what: 'what other programs have in memory', path: '/run/user' },
    { what: 'the devices of the host', path: '/dev' },
    { what: 'the processes of the host', path: '/proc' },
    { what: 'the kernel of the host', path: '/sys' },
    { what: 'what the engine keeps of other containers', path: '/var/lib/docker' },
  ]
}

/** What somebody may let a run see, by naming the mount. */
function encrypted(project: Project): Hidden[] {
  return [
    { what: '.env.enc', path: project.envFile },
    { what: 'the secret files', path: project.secretsDir },
  ]
}

/** What a run that could write it would turn against the next one. */
function neverWritten(project: Project): Hidden[] {
  return [
    { what: 'the approvals and the record of runs', path: project.vaultDir },
    { what: 'the secret files', path: project.secretsDir },
    { what: 'the rules of who can open what', path: project.sopsConfig },
    { what: 'the compose file', path: project.composeFile },
    { what: 'the hooks and the configuration of git', path: resolve(project.root, '.git') },
  ]
}

const overlaps = (from: string, path: string): boolean => {
  const real = realPath(path)
  return contains(from, real) || contains(real, from)
}

/** Whether a mount was named: by its volume, or by its path, absolute or relative to the project. */
export function isNamed(mount: Mount, project: Project, allow: readonly string[]): boolean {
  const { source } = mount
  if (source === undefined) return false
  if (mount.type === 'volume') return allow.includes(source)
  const wanted = realPath(source)
  return allow.some((name) => realPath(resolve(project.root, name)) === wanted)
}

/** What a bind mount of a host path gives. */
function surplusOfBind(
  mount: Mount,
  project: Project,
  allow: readonly string[],
  engine: string | undefined,
): Surplus[] {
  const { source = '/' } = mount
  const from = realPath(source)
  const where = `(volumes: ${quote(source)})`
  const never = neverShown(project, engine).filter(({ path }) => overlaps(from, path))
  const open = encrypted(project).filter(({ path }) => overlaps(from, path))
  if (isNamed(mount, project, allow)) {
    const written = mount.readOnly ? [] : neverWritten(project).filter(({ path }) => overlaps(from, path))
    return [
      ...never.map(({ what }) => ({ what: `${what} ${where}` })),
      ...written.map(({ what }) => ({ what: `${what} to write ${where}` })),
    ]
  }
  const seen = [...never, ...open]
  const told = [...new Set(seen.map(({ what }) => what))].map((what) => ({ what: `${what} ${where}` }))
  return told.length > 0
    ? told
    : [{ what: `a directory or file of the host ${where}`, allow: `--allow-mount ${quote(source)}` }]
}

/** Everything that a mount gives beyond what one run needs; empty when all is well. */
export function surplusOfMount(
  mount: Mount,
  project: Project,
  allow: readonly string[],
  engine?: string,
): Surplus[] {
  if (mount.type === 'bind') return surplusOfBind(mount, project, allow, engine)
  if (mount.type === 'tmpfs' || mount.source === undefined || isNamed(mount, project, allow)) return []
  return [
    {
      what: `the volume ${quote(mount.source)} (volumes: ${quote(mount.target)})`,
      allow: `--allow-mount ${quote(mount.source)}`,
    },
  ]
}
