import { rmSync } from 'node:fs'
import { createServer as createHttpServer, request as sendHttp } from 'node:http'
import { createServer, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { Host } from '../host/host.ts'
import { MARK, makeKey, Project, parseEnvironment } from '../shim/project.ts'
import { fetchServices, type Kms, sopsDotenv, startKms, startVault, type Vault } from './kms.ts'

beforeAll(fetchServices, 600_000)

const ENGINES = ['auto', 'sops'] as const
const names = (environment: ReadonlyMap<string, string>, pattern: RegExp) =>
  [...environment.keys()].filter((name) => pattern.test(name))

describe('a key in a Vault', () => {
  let vault: Vault
  beforeAll(async () => {
    vault = await startVault()
  }, 120_000)
  afterAll(() => vault.stop())

  async function withVaultFile(more: (project: Project) => readonly string[] = () => []) {
    const project = new Project()
    const { token, revoke } = vault.token()
    const flags = ['--hc-vault-transit', vault.key, ...more(project)]
    project.write('.env.enc', sopsDotenv(`A=${MARK}\n`, flags, { VAULT_TOKEN: token }))
    const env = { VAULT_TOKEN: token, VAULT_ADDR: vault.url, DISINTO_KEY_TYPES: 'age,hc_vault' }
    return { project, env, token, revoke }
  }

  test.each(ENGINES)('opens a file, and its token does not reach the command, engine %s', async (engine) => {
    const { project, env } = await withVaultFile()
    const environment = project.load(['--engine', engine], { env })
    expect(environment.get('A')).toBe(MARK)
    expect(names(environment, /^VAULT_/)).toEqual(['VAULT_ADDR'])
    expect(project.load(['--keep-key'], { env }).get('VAULT_TOKEN')).toBe(env.VAULT_TOKEN)
  })

  test('is not asked unless it is allowed', async () => {
    const { project, env } = await withVaultFile()
    const said = project.refused([], { env: { ...env, DISINTO_KEY_TYPES: undefined } })
    expect(said).toMatch(/no type of key that is allowed here opens it.*hc_vault/)
    // As the hint has it.
    const allowed = /DISINTO_KEY_TYPES=(\S+)/.exec(said)?.[1]
    expect(project.load([], { env: { ...env, DISINTO_KEY_TYPES: allowed } }).get('A')).toBe(MARK)
  })

  test('is not sent our token where only the file names it', async () => {
    const { project, env } = await withVaultFile()
    const other = { ...env, VAULT_ADDR: 'https://vault.example' }
    expect(project.refused([], { env: other })).toMatch(/names the Vault http:\/\/127\.0\.0\.1/)
    expect(project.refused([], { env: { ...env, VAULT_ADDR: undefined } })).toMatch(/set VAULT_ADDR to it/)
    const listed = { ...other, SOPS_HC_VAULT_ALLOWLIST: vault.url }
    expect(project.load([], { env: listed }).get('A')).toBe(MARK)
  })

  test('is not needed where an age key opens the file, and the token stays the command’s', async () => {
    const { project, env } = await withVaultFile((made) => ['--age', made.recipient])
    const environment = project.load([], { env: { ...env, DISINTO_KEY_TYPES: undefined } })
    expect(environment.get('A')).toBe(MARK)
    expect(environment.get('VAULT_TOKEN')).toBe(env.VAULT_TOKEN)
  })

  test('is told where no age key opens the file', async () => {
    const { project, env } = await withVaultFile((made) => ['--age', made.recipient])
    makeKey(project.keyFile)
    expect(project.load([], { env }).get('A')).toBe(MARK)
    rmSync(project.keyFile)
    expect(project.refused([], { env: { ...env, DISINTO_KEY_TYPES: 'age' } })).toMatch(
      /also encrypted to hc_vault/,
    )
  })

  test('opens a file for the host command, whose command does not get its token', async () => {
    const { project, env } = await withVaultFile()
    const host = new Host(project.directory)
    const environment = parseEnvironment(host.well(['run', '--', 'env', '-0'], { env }))
    expect(environment.get('A')).toBe(MARK)
    expect(names(environment, /^VAULT_/)).toEqual(['VAULT_ADDR'])
    expect(host.well(['secrets', 'show', 'A'], { env })).toContain(MARK)
    expect(
      host.fails(['run', '--', 'true'], { env: { ...env, VAULT_TOKEN: 'another' }, status: 125 }),
    ).toMatch(/refused to decrypt with it/)
  })

  test('with a revoked token, or none', async () => {
    const { project, env, token, revoke } = await withVaultFile()
    revoke()
    const said = project.refused([], { env })
    expect(said).toMatch(/the service that holds its hc_vault key refused to decrypt with it/)
    expect(said).not.toContain(token)
    expect(project.refused([], { env: { ...env, VAULT_TOKEN: undefined } })).toMatch(
      /refused to decrypt with it/,
    )
    const { token: fresh } = vault.token()
    expect(project.load([], { env: { ...env, VAULT_TOKEN: fresh } }).get('A')).toBe(MARK)
  })

  test('that has been stopped', async () => {
    const stopped = await startVault()
    const project = new Project()
    const { token } = stopped.token()
    const flags = ['--hc-vault-transit', stopped.key]
    project.write('.env.enc', sopsDotenv(`A=${MARK}\n`, flags, { VAULT_TOKEN: token }))
    await stopped.stop()
    const env = { VAULT_TOKEN: token, VAULT_ADDR: stopped.url, DISINTO_KEY_TYPES: 'hc_vault' }
    expect(project.refused([], { env })).toMatch(/the service that holds its hc_vault key can't be reached/)
  })

  test('is asked once for each of its files at a start, and not at all for those of age', async () => {
    const proxy = await countingProxy(vault.url)
    const { project, env } = await withVaultFile()
    const throughProxy = (text: string) => text.replace(vault.url, proxy.url)
    project.write('.env.enc', throughProxy(project.read('.env.enc')))
    for (const name of ['B', 'C']) {
      const flags = ['--hc-vault-transit', vault.key]
      const sealed = sopsDotenv(`${name}=${MARK}\n`, flags, { VAULT_TOKEN: env.VAULT_TOKEN })
      project.write(`secrets/${name}.enc`, throughProxy(sealed))
    }
    project.secret('OF_AGE', MARK)
    const child = project.start(['--', 'true'], { env: { ...env, VAULT_ADDR: proxy.url } })
    expect(await new Promise((resolve) => child.on('exit', resolve))).toBe(0)
    expect(proxy.requests()).toEqual(Array(3).fill('PUT /v1/transit/decrypt/dev'))
  })

  test('that never answers is given up after VAULT_CLIENT_TIMEOUT', async () => {
    const { project, env } = await withVaultFile()
    const { url } = await silentServer()
    project.write('.env.enc', project.read('.env.enc').replace(vault.url, url))
    const impatient = { VAULT_ADDR: url, VAULT_CLIENT_TIMEOUT: '1', VAULT_MAX_RETRIES: '0' }
    expect(project.refused([], { env: { ...env, ...impatient } })).toMatch(/hc_vault key can't be reached/)
  })
})

/** Takes connections, and never answers. Its address, and the first connection. */
async function silentServer(): Promise<{ url: string; connection: Promise<Socket> }> {
  const server = createServer()
  const connection = new Promise<Socket>((resolve) => server.once('connection', resolve))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return { url: `http://127.0.0.1:${port}`, connection }
}

/** Hands on what comes to a Vault, and keeps the first lines of the requests. */
async function countingProxy(target: string): Promise<{ url: string; requests(): string[] }> {
  const lines: string[] = []
  const server = createHttpServer((request, response) => {
    lines.push(`${request.method} ${request.url}`)
    const { method, headers, url = '' } = request
    const onward = sendHttp(new URL(url, target), { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    request.pipe(onward)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return { url: `http://127.0.0.1:${port}`, requests: () => lines }
}

describe('a key in AWS KMS', () => {
  let kms: Kms
  beforeAll(async () => {
    kms = await startKms()
  }, 120_000)
  afterAll(() => kms.stop())

  const credentials = (url: string) => ({
    AWS_ENDPOINT_URL: url,
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'secret-of-the-test',
    AWS_SESSION_TOKEN: 'session-of-the-test',
    AWS_MAX_ATTEMPTS: '1',
    AWS_EC2_METADATA_DISABLED: 'true',
  })

  function withKmsFile(service: Kms) {
    const project = new Project()
    const env = { ...credentials(service.url), DISINTO_KEY_TYPES: 'age,kms' }
    project.write('.env.enc', sopsDotenv(`A=${MARK}\n`, ['--kms', service.key], env))
    return { project, env }
  }

  test.each(ENGINES)('opens a file, and its credentials do not reach the command, engine %s', (engine) => {
    const { project, env } = withKmsFile(kms)
    const environment = project.load(['--engine', engine], { env })
    expect(environment.get('A')).toBe(MARK)
    expect(names(environment, /SECRET|SESSION/)).toEqual([])
    expect(environment.get('AWS_ACCESS_KEY_ID')).toBe('test')
    const kept = project.load(['--keep-key'], { env })
    expect(names(kept, /SECRET|SESSION/)).toEqual(['AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN'])
  })

  test('is not asked unless it is allowed', () => {
    const { project, env } = withKmsFile(kms)
    const said = project.refused([], { env: { ...env, DISINTO_KEY_TYPES: 'age,pgp' } })
    expect(said).toMatch(/no type of key that is allowed here opens it.*kms/)
  })

  test('that is gone, or without credentials, refuses, and one that is stopped is silent', async () => {
    const other = await startKms()
    const { project, env } = withKmsFile(other)
    const without = { ...env, AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined }
    expect(project.refused([], { env: without })).toMatch(/refused to decrypt with it/)
    other.forget()
    const said = project.refused([], { env })
    expect(said).toMatch(/the service that holds its kms key refused to decrypt with it/)
    expect(said).not.toContain('secret-of-the-test')
    await other.stop()
    expect(project.refused([], { env })).toMatch(/the service that holds its kms key can't be reached/)
  })

  test('that never answers is waited for until SIGTERM, which ends sops, too', async () => {
    const { project, env } = withKmsFile(kms)
    const { url, connection } = await silentServer()
    const child = project.start(['--', 'true'], { env: { ...env, AWS_ENDPOINT_URL: url } })
    const ended = new Promise((resolve) => child.on('exit', (status, signal) => resolve(status ?? signal)))
    const socket = await connection
    const closed = new Promise((resolve) => socket.on('close', resolve).resume())
    child.kill('SIGTERM')
    expect(await ended).toBe('SIGTERM')
    await closed
  })
})
