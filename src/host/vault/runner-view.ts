/** What the compose file itself would let the vault-runner see. */
import { realpathSync } from 'node:fs'
import { dirname } from 'node:path'
import { quote } from '../../errors.ts'
import type { Service } from '../compose/model.ts'
import type { Project } from '../project.ts'

function real(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}

const contains = (directory: string, path: string): boolean =>
  directory === '/' || path === directory || path.startsWith(`${directory}/`)

/** What it would see that it must not, in words; empty when all is well. */
export function tooMuchFor(service: Service, project: Project): string[] {
  const keys = project.operatorKeyFile
  const hidden: Array<readonly [what: string, path: string]> = [
    ['.env', project.plainEnvFile],
    ['.env.enc', project.envFile],
    ['the secret files', project.secretsDir],
    ...(keys === undefined ? [] : [['the operator key', keys] as const]),
    ['the Docker Engine, and so the host', '/var/run/docker.sock'],
  ]
  const found = service.mounts.flatMap(({ type, source }) => {
    if (type !== 'bind' || source === undefined) return []
    const from = real(source)
    const seen = hidden.filter(([, path]) => contains(from, real(path)) || contains(real(path), from))
    return seen.map(([what]) => `${what} (volumes: ${quote(source)})`)
  })
  const serviceKeys = project.serviceKeyFile('x')
  const files = service.envFiles.map((file) => `the values in ${quote(file)} (env_file:)`)
  const keyDirectory = serviceKeys === undefined ? undefined : dirname(dirname(serviceKeys))
  const others = service.mounts
    .filter(
      ({ source }) => keyDirectory !== undefined && source !== undefined && contains(keyDirectory, source),
    )
    .map(({ source }) => `a service key (volumes: ${quote(source ?? '')})`)
  const host = service.privileged ? ['the host (privileged: or pid: host)'] : []
  return [...new Set([...found, ...files, ...others, ...host])]
}
