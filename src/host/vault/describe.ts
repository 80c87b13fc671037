/** What a run would mount and run, in words. */
import { IMAGE_KEYS, IMAGE_ROOT } from '../compose/mounts.ts'
import { VAULT_RUNNER } from '../project.ts'
import { proposalPlace } from './hand-over.ts'
import type { Ready } from './request.ts'

/** Says what would be mounted and run. */
export function describeRun({ proposal, service, command, approvedBy }: Ready): string {
  const { path, secrets, files, minutes, terms } = proposal
  const words = command.length > 0 ? JSON.stringify(command) : 'that of the service'
  const lines = [
    `proposal   ${path} -> ${proposalPlace(proposal, false)}`,
    ...secrets.map(
      (name) =>
        `secret     secrets/${name}.enc -> ${IMAGE_ROOT}/secrets/${name}.enc (for the run key)${
          files.includes(name) ? ', as a file' : ''
        }`,
    ),
    `key        a run key, made for this run -> ${IMAGE_KEYS}/keys.txt`,
    ...service.mounts.map(({ source, target }) => `mount      ${source ?? 'a new volume'} -> ${target}`),
    `require    ${secrets.join(',')}`,
    `service    ${VAULT_RUNNER}`,
    `command    ${words}`,
    ...(minutes === undefined ? [] : [`ends       after ${minutes} minutes at the latest`]),
    ...(approvedBy === undefined
      ? []
      : [`approved   by ${approvedBy}${terms?.expires === undefined ? '' : `, until ${terms.expires}`}`]),
  ]
  return `${lines.join('\n')}\n`
}
