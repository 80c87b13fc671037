import { expect, test } from 'vitest'
import { dockerEnvironment } from '../../../../src/host/compose/docker.ts'
import type { HostContext } from '../../../../src/host/context.ts'

const environmentOf = (variables: Record<string, string>) =>
  dockerEnvironment({ variables: new Map(Object.entries(variables)) } as unknown as HostContext)

const GIT = 'COMPOSE_EXPERIMENTAL_GIT_REMOTE'
const OCI = 'COMPOSE_EXPERIMENTAL_OCI_REMOTE'

test('compose includes nothing from elsewhere, whatever the compose file names', () => {
  const environment = environmentOf({ [OCI]: '' })
  expect([environment.get(GIT), environment.get(OCI)]).toEqual(['false', 'false'])
})

test('who means it says so in the environment', () => {
  const environment = environmentOf({ [GIT]: '1' })
  expect([environment.get(GIT), environment.get(OCI)]).toEqual(['1', 'false'])
})
