/** Settings that take the shim's protection away, or that it can't start with. */
import { quote } from '../../quote.ts'
import type { Warning } from '../../speak.ts'
import type { Image } from './images.ts'
import { startsShim } from './images.ts'
import type { Service } from './model.ts'

/** Node 26 waits for ever where it may have five processes or fewer, and the command needs some, too. */
const FEWEST_PROCESSES = 8

/** What the shim needs: to become the user, and to read a key that another uid owns on the host. */
const CAPABILITIES = ['SETUID', 'SETGID', 'DAC_OVERRIDE']

const withoutPrefix = (name: string): string => name.toUpperCase().replace(/^CAP_/, '')

function capabilitiesGone({ capAdd, capDrop }: Service): string[] {
  const dropped = capDrop.map(withoutPrefix)
  const added = capAdd.map(withoutPrefix)
  return CAPABILITIES.filter(
    (name) =>
      (dropped.includes('ALL') || dropped.includes(name)) && !added.includes(name) && !added.includes('ALL'),
  )
}

/** What is wrong with the settings of a service whose image has the shim. */
export function objectionsTo(service: Service, image: Image | undefined): Warning[] {
  const name = quote(service.name)
  const found: Warning[] = []
  const { entrypoint, user, environment, pidsLimit } = service
  if (entrypoint !== undefined && !startsShim(entrypoint)) {
    found.push({
      code: 'entrypoint-replaced',
      message: `${name}: entrypoint: replaces the shim: the command is root, can read the key, and has no secrets`,
      hint: 'use command: instead, or begin it with disinto-entrypoint',
    })
    return found
  }
  const wanted = environment.get('DISINTO_USER') ?? image?.environment.get('DISINTO_USER') ?? 'agent'
  if (wanted === '') {
    found.push({
      code: 'user-empty',
      message: `${name}: DISINTO_USER is empty: the command is root, and can read the key`,
      hint: 'remove DISINTO_USER from environment:, or name the user the command should run as',
    })
  } else if (user !== undefined && !/^(?:0|root)(?::|$)/.test(user)) {
    found.push({
      code: 'user-not-root',
      message: `${name}: user: only root can read the key and then become ${quote(wanted)}: it will not start`,
      hint: 'remove the user: line: the shim starts as root and drops to DISINTO_USER',
    })
  }
  const gone = wanted === '' ? [] : capabilitiesGone(service)
  if (gone.length > 0) {
    found.push({
      code: 'capability-gone',
      message: `${name}: cap_drop: removes ${gone.join(', ')}: the shim can't read the key and become ${quote(wanted)}`,
      hint: `cap_add: [${gone.join(', ')}]; the command has none of them, since it is another user`,
    })
  }
  if (pidsLimit !== undefined && pidsLimit < FEWEST_PROCESSES) {
    found.push({
      code: 'processes-too-few',
      message: `${name}: pids_limit: ${pidsLimit}: Node hangs with so few processes`,
      hint: 'pids_limit: 64 or more, or none',
    })
  }
  return found
}
