import { expect, test } from 'vitest'
import { readModel } from '../../../../src/host/compose/model.ts'
import { grantFindings } from '../../../../src/host/doctor/grants.ts'
import type { Grant, GrantState } from '../../../../src/host/store/grants.ts'
import { Place } from '../../../helpers/place.ts'

/** A grant, and its file: what a service is granted is told from others by what it holds. */
function grant(service: string, secret: string, state: GrantState = 'granted'): Grant {
  const path = new Place().write(secret === '.env.enc' ? secret : `secrets/${secret}.enc`, 'x')
  return { service, secret, state, path }
}
const bind = (target: string) => ({ type: 'bind', source: '/x', target })
const found = (services: object, grants: readonly Grant[]) =>
  grantFindings(readModel(JSON.stringify({ name: 'p', services })), grants).map(
    ({ severity, code, message }) => `${severity} ${code} ${message}`,
  )

test('a service that mounts what it was granted, or mounts a key of its own choice, is in order', () => {
  const services = {
    web: { image: 'x', volumes: [bind('/etc/disinto/secrets/A.enc'), bind('/data')] },
    own: { image: 'x', volumes: [bind('/etc/disinto/secrets/B.enc'), bind('/home/agent/.config/sops/age')] },
    bare: { image: 'x' },
  }
  expect(found(services, [grant('web', 'A'), grant('agents', '.env.enc')])).toEqual([])
})

test('a service that mounts what it was not granted is an error', () => {
  const services = { web: { image: 'x', volumes: [bind('/etc/disinto/secrets/B.enc')] } }
  expect(found(services, [grant('web', 'A')])).toEqual([
    expect.stringMatching(/^error grant-mounted web: mounts B, which it was not granted/),
  ])
})

test('grants of a service that there is not are one warning with their names', () => {
  const grants = [grant('old', 'A'), grant('old', 'B'), grant('gone', 'C', 'stray')]
  expect(found({ web: { image: 'x' } }, grants)).toContainEqual(
    expect.stringMatching(/^warning grant-serviceless old: was granted A, B, /),
  )
  expect(found({ web: { image: 'x' } }, grants).filter((one) => one.includes('gone: was granted'))).toEqual(
    [],
  )
})

test('files for an image of others that were not granted are an error', () => {
  const services = { db: { image: 'x', 'x-disinto': { secrets: { password: 'A' } } } }
  expect(found(services, [grant('db', 'A')])).toEqual([])
  expect(found(services, [])).toEqual([expect.stringMatching(/^error files-ungranted /)])
})
