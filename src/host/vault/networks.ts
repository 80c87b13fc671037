/**
 * The networks of the compose file, and which of them a run may be in.
 * Bridges of its own, and those of others that are there under a name. What makes one can change the host: a bridge called
 * as one that is there takes it over, and a subnet is a route.
 */
import { BlockList, isIP } from 'node:net'
import { quote } from '../../quote.ts'
import { isEmpty, listOf, objectOf } from './json.ts'
import type { Surplus } from './mounts.ts'

/** A network of the compose file; made when it is not there, unless it is somebody else's. */
export interface Network {
  readonly key: string
  readonly name: string
  readonly external: boolean
  readonly words: readonly string[]
}

/** Whether docker takes a name for no network of a container's own: the host's, and that of another container. */
export const ofOthers = (name: string): boolean => name === 'host' || name.startsWith('container:')

/** Options of a bridge that change nothing outside of it. */
const OPTIONS: readonly string[] = [
  'com.docker.network.driver.mtu',
  'com.docker.network.bridge.enable_icc',
  'com.docker.network.bridge.enable_ip_masquerade',
]

/** Ranges whose addresses are nobody's outside of a private network (RFC 1918, RFC 4193). */
const PRIVATE = (
  [
    ['10.0.0.0', 8, 'ipv4'],
    ['172.16.0.0', 12, 'ipv4'],
    ['192.168.0.0', 16, 'ipv4'],
    ['fc00::', 7, 'ipv6'],
  ] as const
).map(([address, bits, family]) => {
  const list = new BlockList()
  list.addSubnet(address, bits, family)
  return { list, bits, family }
})

/** Whether a subnet is one of the private ranges or a part of one. */
function isPrivate(subnet: string): boolean {
  const [address = '', bits] = subnet.split('/')
  const family = `ipv${isIP(address)}`
  return PRIVATE.some(
    (range) =>
      range.family === family && Number(bits) >= range.bits && range.list.check(address, range.family),
  )
}

/** What being in a network gives beyond a bridge of the project's; undefined when that is nothing. */
export function surplusOfNetwork({ key, name, external }: Network, value: unknown): Surplus[] {
  const where = `(networks: ${quote(key)})`
  if (ofOthers(name)) return [{ what: `the network of others, ${quote(name)} ${where}` }]
  if (external) return []
  const { driver, driver_opts: options, ipam } = objectOf(value)
  const pools = listOf(objectOf(ipam)['config']).map(objectOf)
  const option = Object.keys(objectOf(options)).find((one) => !OPTIONS.includes(one))
  const subnet = pools
    .map((pool) => String(pool['subnet'] ?? ''))
    .find((one) => one !== '' && !isPrivate(one))
  const planner = objectOf(ipam)['driver']
  return [
    ...(isEmpty(driver) || driver === 'bridge'
      ? []
      : [`a network that is no bridge, ${quote(String(driver))}`]),
    ...(option === undefined ? [] : [`a network with the option ${quote(option)}`]),
    ...(isEmpty(planner) || planner === 'default' ? [] : [`addresses from ${quote(String(planner))}`]),
    ...(subnet === undefined ? [] : [`addresses that are somebody else’s, ${quote(subnet)}`]),
  ].map((what) => ({ what: `${what} ${where}` }))
}

/** `docker network create` for a network that compose would make. */
export function networkOf(key: string, value: unknown, project: string): Network {
  const network = objectOf(value)
  const name = String(network['name'] ?? `${project}_${key}`)
  const ipam = objectOf(network['ipam'])
  const pools = listOf(ipam['config']).map(objectOf)
  const given = (option: string, from: unknown) => (isEmpty(from) ? [] : [option, String(from)])
  const pairs = (option: string, from: unknown) =>
    Object.entries(objectOf(from)).flatMap(([left, right]) => [option, `${left}=${String(right)}`])
  const words = [
    ...['--label', `com.docker.compose.project=${project}`, '--label', `com.docker.compose.network=${key}`],
    ...pairs('--label', network['labels']),
    ...given('--driver', network['driver']),
    ...pairs('--opt', network['driver_opts']),
    ...(network['internal'] === true ? ['--internal'] : []),
    ...(network['attachable'] === true ? ['--attachable'] : []),
    ...(network['enable_ipv6'] === true ? ['--ipv6'] : []),
    ...given('--ipam-driver', ipam['driver']),
    ...pools.flatMap((pool) => [
      ...given('--subnet', pool['subnet']),
      ...given('--ip-range', pool['ip_range']),
      ...given('--gateway', pool['gateway']),
    ]),
    name,
  ]
  return { key, name, external: !isEmpty(network['external']), words }
}
