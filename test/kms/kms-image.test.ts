import { writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { expectFailure, freshValue, Place, shell, useImage } from '../image/image.ts'
import { fetchServices, type Kms, sopsDotenv, startKms, startVault, type Vault } from './kms.ts'

useImage()
beforeAll(fetchServices, 600_000)

const flagsOf = (variables: Readonly<Record<string, string>>): string[] =>
  // The services are this machine's own, so the container needs its network.
  [
    '--network',
    'host',
    ...Object.entries(variables).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
  ]

/** An `.env.enc` with a value of its own, for `flags` alone. */
async function placeFor(flags: readonly string[], env: Record<string, string>) {
  const place = await Place.make()
  const value = freshValue('value')
  await writeFile(place.path('.env.enc'), sopsDotenv(`A=${value}\n`, flags, env))
  return { place, value }
}

const SHOW = shell('echo "$A $(id -un)"; env | grep -E "TOKEN|SECRET" || echo no credentials')

describe('in the image', () => {
  let vault: Vault
  let kms: Kms
  beforeAll(async () => {
    vault = await startVault()
    kms = await startKms()
  }, 240_000)
  afterAll(() => Promise.all([vault.stop(), kms.stop()]))

  test('a key in a Vault opens the files until its token is revoked, and the agent does not get it', async () => {
    const { token, revoke } = vault.token()
    const { place, value } = await placeFor(['--hc-vault-transit', vault.key], { VAULT_TOKEN: token })
    const variables = { VAULT_ADDR: vault.url, VAULT_TOKEN: token }
    const allowed = flagsOf({ ...variables, DISINTO_KEY_TYPES: 'age,hc_vault' })
    expect((await place.run(SHOW, allowed)).stdout).toBe(`${value} agent\nno credentials`)
    // By the image's own default no file can have a Vault asked.
    expectFailure(
      await place.run(SHOW, flagsOf(variables)),
      125,
      /no type of key that is allowed here.*hc_vault/,
    )
    revoke()
    expectFailure(await place.run(SHOW, allowed), 125, /hc_vault key refused to decrypt with it/)
  })

  test('a key in AWS KMS opens the files until the service stops, and the agent does not get the credentials', async () => {
    const variables = {
      AWS_ENDPOINT_URL: kms.url,
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'secret-of-the-test',
      AWS_MAX_ATTEMPTS: '1',
      AWS_EC2_METADATA_DISABLED: 'true',
    }
    const { place, value } = await placeFor(['--kms', kms.key], variables)
    const allowed = flagsOf({ ...variables, DISINTO_KEY_TYPES: 'age,kms' })
    expect((await place.run(SHOW, allowed)).stdout).toBe(`${value} agent\nno credentials`)
    await kms.stop()
    expectFailure(await place.run(SHOW, allowed), 125, /kms key can't be reached/)
  })
})
