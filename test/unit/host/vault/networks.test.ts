import { describe, expect, test } from 'vitest'
import { networkOf, ofOthers, surplusOfNetwork } from '../../../../src/host/vault/networks.ts'

const gives = (value: unknown, key = 'n') =>
  surplusOfNetwork(networkOf(key, value, 'p'), value).map(({ what }) => what)

describe('a network that compose would make', () => {
  const LABELS = ['--label', 'com.docker.compose.project=p', '--label', 'com.docker.compose.network=n']

  test('is made with the project’s name before its own, unless it says how it is called', () => {
    const plain = { key: 'n', name: 'p_n', external: false, words: [...LABELS, 'p_n'] }
    expect(networkOf('n', null, 'p')).toEqual(plain)
    expect(networkOf('n', {}, 'p')).toEqual(plain)
    const named = networkOf('n', { name: 'theirs', external: true }, 'p')
    expect(named).toMatchObject({ name: 'theirs', external: true, words: [...LABELS, 'theirs'] })
    expect(networkOf('n', { external: false }, 'p').external).toBe(false)
  })

  test('is made as it says', () => {
    const network = {
      labels: { a: 'b' },
      driver: 'bridge',
      driver_opts: { 'com.docker.network.driver.mtu': 1400 },
      internal: true,
      attachable: true,
      enable_ipv6: true,
      ipam: {
        driver: 'default',
        config: [
          { subnet: '10.0.0.0/24', ip_range: '10.0.0.0/25', gateway: '10.0.0.1' },
          { subnet: 'fd00::/64' },
        ],
      },
    }
    expect(networkOf('n', network, 'p').words).toEqual([
      ...LABELS,
      ...['--label', 'a=b', '--driver', 'bridge', '--opt', 'com.docker.network.driver.mtu=1400'],
      ...['--internal', '--attachable', '--ipv6', '--ipam-driver', 'default'],
      ...['--subnet', '10.0.0.0/24', '--ip-range', '10.0.0.0/25', '--gateway', '10.0.0.1'],
      ...['--subnet', 'fd00::/64', 'p_n'],
    ])
    const no = { internal: 'true', attachable: false, enable_ipv6: null }
    expect(networkOf('n', no, 'p').words).toEqual([...LABELS, 'p_n'])
  })
})

describe('being in a network gives', () => {
  test.each([
    [{ name: 'host' }, 'the network of others, host (networks: n)'],
    [{ name: 'container:x', external: true }, 'the network of others, container:x (networks: n)'],
    [{ driver: 'macvlan' }, 'a network that is no bridge, macvlan (networks: n)'],
    [
      { driver_opts: { 'com.docker.network.driver.mtu': '1', parent: 'eth0' } },
      'a network with the option parent (networks: n)',
    ],
    [{ ipam: { driver: 'dhcp' } }, 'addresses from dhcp (networks: n)'],
    [
      { ipam: { config: [{ subnet: '10.0.0.0/8' }, { subnet: '8.8.8.0/24' }] } },
      'addresses that are somebody else’s, 8.8.8.0/24 (networks: n)',
    ],
  ])('%j: %s', (network, what) => {
    expect(gives(network)).toEqual([what])
  })

  test('each of what it says', () => {
    const all = {
      driver: 'ipvlan',
      driver_opts: { a: 1 },
      ipam: { driver: 'x', config: [{ subnet: '1.0.0.0/8' }] },
    }
    expect(gives(all)).toHaveLength(4)
  })

  test.each(['mtu', 'enable_icc', 'enable_ip_masquerade'])(
    'nothing by the option %s of a bridge',
    (option) => {
      const name =
        option === 'mtu' ? `com.docker.network.driver.${option}` : `com.docker.network.bridge.${option}`
      expect(gives({ driver_opts: { [name]: '1' } })).toEqual([])
    },
  )

  test('nothing in one that is there and others’, whatever is said of it', () => {
    expect(gives({ external: true, name: 'theirs', driver: 'macvlan' })).toEqual([])
    expect(gives(null)).toEqual([])
    expect(gives({ driver: 'bridge', ipam: { driver: 'default', config: [{}, { subnet: '' }] } })).toEqual([])
  })

  test.each([
    ['10.0.0.0/8', true],
    ['10.255.255.0/24', true],
    ['10.0.0.0/7', false],
    ['11.0.0.0/8', false],
    ['172.16.0.0/12', true],
    ['172.31.0.0/16', true],
    ['172.32.0.0/16', false],
    ['172.16.0.0/11', false],
    ['192.168.0.0/16', true],
    ['192.169.0.0/16', false],
    ['192.168.0.0/15', false],
    ['fc00::/7', true],
    ['fd12:3456::/48', true],
    ['fc00::/6', false],
    ['fe80::/10', false],
    ['2001:db8::/32', false],
    ['10.0.0.0', false],
    ['nonsense', false],
    ['/8', false],
  ])('the addresses of %s, which are nobody else’s: %s', (subnet, isPrivate) => {
    expect(gives({ ipam: { config: [{ subnet }] } })).toHaveLength(isPrivate ? 0 : 1)
  })
})

test('the networks of others are the host’s and those of containers', () => {
  expect(['host', 'container:x', 'hosts', 'containers', 'my-container:x', ''].map(ofOthers)).toEqual([
    true,
    true,
    false,
    false,
    false,
    false,
  ])
})
