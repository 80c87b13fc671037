import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { isNamed, type Mount, surplusOfMount } from '../../../../src/host/vault/mounts.ts'
import { Place } from '../../../helpers/place.ts'

const bind = (source: string, readOnly = true): Mount => ({ type: 'bind', source, target: '/x', readOnly })

function gives(place: Place, mount: Mount, allow: readonly string[] = [], engine?: string): string[] {
  const { project } = place.context()
  return surplusOfMount(mount, project, allow, engine).map(({ what, allow: option }) =>
    option === undefined ? what : `${what}: ${option}`,
  )
}

describe('a mount of the host', () => {
  test.each([
    ['home/.config/sops/age', 'the operator key'],
    ['home', 'the operator key'],
    ['project/.env', '.env'],
    ['project/secrets', 'the secret files'],
    ['project/secrets/A.enc', 'the secret files'],
    ['project/.env.enc', '.env.enc'],
  ])('of %s gives %s', (path, what) => {
    const place = new Place().withKey()
    place.write('.env', '')
    expect(gives(place, bind(join(place.base, path)))[0]).toBe(`${what} (volumes: ${join(place.base, path)})`)
  })

  test.each([
    ['/', 'the operator key'],
    ['/var/run/docker.sock', 'the Docker Engine, and so the host'],
    ['/run', 'the Docker Engine, and so the host'],
    ['/dev/shm', 'what other runs have in memory'],
    ['/run/user/1000', 'what other programs have in memory'],
    ['/dev', 'the devices of the host'],
    ['/proc/1/root', 'the processes of the host'],
    ['/sys/fs', 'the kernel of the host'],
    ['/var/lib', 'what the engine keeps of other containers'],
    ['/opt/engine.sock', 'the Docker Engine, and so the host'],
  ])('of %s gives %s, whatever is let through', (path, what) => {
    const place = new Place().withKey()
    expect(gives(place, bind(path), [path], '/opt/engine.sock')).toContain(`${what} (volumes: ${path})`)
  })

  test('by a link gives what the link leads to; of what is not there the part that is counts', () => {
    const place = new Place().withKey()
    symlinkSync(place.home, join(place.root, 'data'))
    const data = join(place.root, 'data')
    expect(gives(place, bind(data))[0]).toBe(`the operator key (volumes: ${data})`)
    const keys = join(data, '.config/sops/age/keys.txt')
    expect(gives(place, bind(keys))[0]).toBe(`the operator key (volumes: ${keys})`)
    const below = join(data, '.config/sops/age/new')
    expect(gives(place, bind(below))[0]).toBe(
      `a directory or file of the host (volumes: ${below}): --allow-mount ${below}`,
    )
  })

  test('of anything else is let through by its name, absolute or from the project on', () => {
    const place = new Place()
    const data = join(place.base, 'data')
    const told = `a directory or file of the host (volumes: ${data}): --allow-mount ${data}`
    expect(gives(place, bind(data))).toEqual([told])
    expect(gives(place, bind(data), [data])).toEqual([])
    expect(gives(place, bind(data), ['../data'])).toEqual([])
    expect(gives(place, bind(data), ['data', '../dat'])).toEqual([told])
    expect(gives(place, bind(`${place.root}-other`))).toHaveLength(1)
  })

  test('of what is encrypted can be let through to read, and never to write', () => {
    const place = new Place()
    const secrets = join(place.root, 'secrets')
    expect(gives(place, bind(secrets), ['secrets'])).toEqual([])
    expect(gives(place, bind(secrets, false), ['secrets'])).toEqual([
      `the secret files to write (volumes: ${secrets})`,
    ])
  })

  test.each([
    ['vault', 'the approvals and the record of runs'],
    ['.sops.yaml', 'the rules of who can open what'],
    ['docker-compose.yml', 'the compose file'],
    ['.git/hooks', 'the hooks and the configuration of git'],
  ])('of %s can’t be written', (path, what) => {
    const place = new Place()
    const source = join(place.root, path)
    expect(gives(place, bind(source, false), [path])).toEqual([`${what} to write (volumes: ${source})`])
    expect(gives(place, bind(source), [path])).toEqual([])
  })
})

describe('a volume', () => {
  const volume = (source: string | undefined): Mount => ({
    type: 'volume',
    source,
    target: '/v',
    readOnly: false,
  })

  test('of others is let through by its name alone', () => {
    const place = new Place()
    mkdirSync(join(place.root, 'cache'))
    expect(gives(place, volume('cache'))).toEqual(['the volume cache (volumes: /v): --allow-mount cache'])
    expect(gives(place, volume('cache'), ['cache'])).toEqual([])
    expect(gives(place, volume('cache'), [join(place.root, 'cache')])).toHaveLength(1)
  })

  test('that is made for the run, and memory, give nothing', () => {
    const place = new Place()
    expect(gives(place, volume(undefined))).toEqual([])
    expect(gives(place, { type: 'tmpfs', source: undefined, target: '/t', readOnly: false })).toEqual([])
    expect(isNamed(volume(undefined), place.context().project, ['undefined'])).toBe(false)
  })
})
