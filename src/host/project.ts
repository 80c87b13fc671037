/** Where a project keeps what. Opens nothing. */
import { existsSync, readdirSync, type Stats, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { defaultKeyFile } from '../age/places.ts'
import { failure } from './errors.ts'
import { placeFor } from './place.ts'

/** The service whose agents work with .env.enc. */
export const AGENTS = 'agents'
/** The service that runs approved actions. */
export const VAULT_RUNNER = 'vault-runner'

/** The file in secrets/ with the days by which values are due for change. */
export const DUE_FILE = 'due.json'

export interface Project {
  readonly root: string
  /** As docker compose makes it from the directory, unless COMPOSE_PROJECT_NAME says otherwise. */
  readonly name: string
  /** Plaintext `.env`. */
  readonly plainEnvFile: string
  /** `.env.enc`. */
  readonly envFile: string
  /** Older installations kept the vault's secrets in this one. */
  readonly vaultEnvFile: string
  readonly secretsDir: string
  /** `.sops.yaml` at the root. */
  readonly sopsConfig: string
  /** The one that compose finds in the root; where there is none, the one that init writes. */
  readonly composeFile: string
  readonly vaultDir: string
  /** The operator's key, where sops looks for it; undefined when neither HOME nor a variable says where. */
  readonly operatorKeyFile: string | undefined
  secretFile(name: string): string
  /** The key of one service: `<project's own directory>/<service>/keys.txt`. Throws service-name. */
  serviceKeyFile(service: string): string | undefined
  /** Where the operator's own things are: the project's own directory is one of those in it. */
  readonly keysDir: string | undefined
  /** The project's own directory beside the operator's key (place.ts); a directory in it for each service. */
  readonly serviceKeysDir: string | undefined
  /** Every directory that we write files to, but those of services. */
  readonly directories: readonly string[]
}

/** Services are called as docker compose calls them; none of the names that mean another directory. */
const SERVICE_NAME = /^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,199}$/

/** Throws service-name for a name that must not be part of a path. */
export function checkServiceName(service: string): void {
  if (!SERVICE_NAME.test(service)) throw failure('service-name', { service })
}

/** The names compose looks for, in its order; each may have an override beside it. */
const COMPOSE_FILES = ['compose.yaml', 'compose.yml', 'docker-compose.yml', 'docker-compose.yaml']

/** What a directory has that is a project's root. */
const MARKS = ['.env.enc', '.sops.yaml', '.env', ...COMPOSE_FILES]

function isRoot(directory: string): boolean {
  if (MARKS.some((name) => existsSync(join(directory, name)))) return true
  try {
    return readdirSync(join(directory, 'secrets')).some((name) => name.endsWith('.enc'))
  } catch {
    return false
  }
}

/** Whether a directory above is as much ours as the one we are in: what others can plant there does not count. */
function isTrusted(stats: Stats, here: Stats): boolean {
  const own = process.getuid?.()
  return (stats.mode & 0o002) === 0 && (stats.uid === own || stats.uid === here.uid)
}

/**
 * The root of the project that a directory is in: the nearest directory that has what a project has, going up as git
 * and compose do. The directory itself where there is none, and where one on the way could be written by others.
 */
export function rootAbove(directory: string): string {
  if (isRoot(directory)) return directory
  try {
    const here = statSync(directory)
    for (let at = dirname(directory); ; at = dirname(at)) {
      if (!isTrusted(statSync(at), here)) return directory
      if (isRoot(at)) return at
      if (at === dirname(at)) return directory
    }
  } catch {
    return directory
  }
}

/** docker compose's rule: lower case, letters, digits, dashes and underscores, and it begins with no mark. */
function projectName(root: string, variables: ReadonlyMap<string, string>): string {
  const named = variables.get('COMPOSE_PROJECT_NAME')
  const text = named === undefined || named === '' ? basename(root) : named
  return (
    text
      .toLowerCase()
      .replaceAll(/[^a-z0-9_-]/g, '')
      .replace(/^[_-]+/, '') || 'disinto'
  )
}

/** The project at a directory: the one given, or DISINTO_ROOT, or the working directory. */
export function projectAt(
  given: string | undefined,
  variables: ReadonlyMap<string, string>,
  workingDirectory: string,
): Project {
  const root = resolve(workingDirectory, given ?? (variables.get('DISINTO_ROOT') || '.'))
  try {
    if (!statSync(root).isDirectory()) throw failure('root-missing', { path: root })
  } catch {
    throw failure('root-missing', { path: root })
  }
  const name = projectName(root, variables)
  const usual = defaultKeyFile(variables)
  const keyFile = variables.get('SOPS_AGE_KEY_FILE')
  // Beside the usual place, whatever SOPS_AGE_KEY_FILE says: that file may be on a stick.
  const keysDir = usual && dirname(usual)
  let place: string | undefined
  // Asked for by few commands, and the answer takes a look at every project's.
  const ownPlace = () => {
    place ??= keysDir && placeFor(keysDir, name, root)
    return place
  }
  const operatorKeyFile = keyFile === undefined || keyFile === '' ? usual : resolve(workingDirectory, keyFile)
  return {
    root,
    name,
    plainEnvFile: join(root, '.env'),
    envFile: join(root, '.env.enc'),
    vaultEnvFile: join(root, '.env.vault.enc'),
    secretsDir: join(root, 'secrets'),
    sopsConfig: join(root, '.sops.yaml'),
    get composeFile() {
      const found = COMPOSE_FILES.map((file) => join(root, file)).find((path) => existsSync(path))
      return found ?? join(root, 'docker-compose.yml')
    },
    vaultDir: join(root, 'vault'),
    operatorKeyFile,
    secretFile: (secret) => join(root, 'secrets', `${secret}.enc`),
    serviceKeyFile: (service) => {
      checkServiceName(service)
      const own = ownPlace()
      return own && join(own, service, 'keys.txt')
    },
    keysDir,
    get serviceKeysDir() {
      return ownPlace()
    },
    directories: [
      root,
      join(root, 'secrets'),
      join(root, 'vault', 'approved'),
      join(root, 'vault', 'actions'),
      ...(operatorKeyFile === undefined ? [] : [dirname(operatorKeyFile)]),
    ],
  }
}
