/** A token that is used and can't be read: the proxy of `init --with-proxy` before a real git http-backend. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { networkInterfaces } from 'node:os'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { docker, freshValue, IMAGE, must, until, useImage } from '../image/image.ts'
import { Stack } from './stack.ts'

useImage()

/**
 * The forge: git http-backend and an API behind a password, in plain Node. It notes each request that it gets, and sends
 * back what it was sent where it is asked to: a forge that does would give the token away.
 */
const FORGE = String.raw`
import { spawn, execFileSync } from 'node:child_process'
import { appendFileSync, mkdirSync } from 'node:fs'
import { createServer } from 'node:http'
mkdirSync('/tmp/repos/team', { recursive: true })
execFileSync('git', ['init', '-q', '--bare', '-b', 'main', '/tmp/repos/team/app.git'])
execFileSync('git', ['-C', '/tmp/repos/team/app.git', 'config', 'http.receivepack', 'true'])
const wanted = 'Basic ' + Buffer.from('bot:' + process.env.WANTED).toString('base64')
createServer(async (request, answer) => {
  const { method, url, headers } = request
  // Read whole before it is answered, as forges do.
  const parts = []
  for await (const part of request) parts.push(part)
  const body = Buffer.concat(parts)
  const known = headers.authorization === wanted
  const { authorization, ...rest } = headers
  appendFileSync('/tmp/requests', JSON.stringify({ method, url, known, headers: rest }) + '\n')
  if (!known) return answer.writeHead(401, { 'www-authenticate': 'Basic' }).end('who are you?')
  if (url.startsWith('/api/v1/repos/team/app/issues/302')) return answer.writeHead(302, { location: 'http://elsewhere/' }).end()
  if (url.startsWith('/api/')) {
    return answer.writeHead(200, { 'content-type': 'application/json', 'set-cookie': 'session=1' }).end(JSON.stringify({ method, url }))
  }
  const [path, query = ''] = url.split('?')
  const backend = spawn('git', ['http-backend'], { env: { PATH: process.env.PATH, GIT_PROJECT_ROOT: '/tmp/repos', GIT_HTTP_EXPORT_ALL: '1',
    PATH_INFO: path, QUERY_STRING: query, REQUEST_METHOD: method, CONTENT_TYPE: headers['content-type'] ?? '',
    CONTENT_LENGTH: String(body.length),
    HTTP_CONTENT_ENCODING: headers['content-encoding'] ?? '', REMOTE_USER: 'bot', HTTP_GIT_PROTOCOL: headers['git-protocol'] ?? '' } })
  // It need not read all that it was sent.
  backend.stdin.on('error', () => {})
  backend.stdin.end(body)
  let head = Buffer.alloc(0), sent = false
  backend.stdout.on('data', (chunk) => {
    if (sent) return answer.write(chunk)
    head = Buffer.concat([head, chunk])
    const end = head.indexOf('\r\n\r\n')
    if (end < 0) return
    const lines = head.subarray(0, end).toString().split('\r\n').map((line) => line.split(': '))
    const status = Number((lines.find(([name]) => name === 'Status') ?? ['', '200'])[1].split(' ')[0])
    answer.writeHead(status, Object.fromEntries(lines.filter(([name]) => name !== 'Status')))
    answer.write(head.subarray(end + 4))
    sent = true
  })
  backend.stdout.on('end', () => answer.end())
}).listen(3000)
`

let stack: Stack
let token: string

const inAgents = (...words: string[]) =>
  must('docker', [
    'exec',
    '--user',
    'agent',
    '--workdir',
    '/home/agent/work',
    `${stack.name}-agents-1`,
    ...words,
  ])
/** Runs in the agents' container, which must succeed. */
const agent = (script: string) => inAgents('bash', '-ec', script)

/** Sends bytes to the proxy as they are, and returns what comes back. */
const raw = (text: string) =>
  agent(
    `node -e ${quoted(`
    const s = require('node:net').connect(80, 'forge', () => s.write(Buffer.from(process.argv[1], 'base64')))
    s.pipe(process.stdout); s.setTimeout(2000, () => s.destroy())`)} ${Buffer.from(text).toString('base64')}`,
  )
const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`

/** What the forge was asked since this was last called. */
async function asked(): Promise<
  Array<{ method: string; url: string; known: boolean; headers: Record<string, string> }>
> {
  const text = await must('docker', [
    'exec',
    `${stack.name}-upstream-1`,
    'sh',
    '-c',
    'cat /tmp/requests 2>/dev/null; rm -f /tmp/requests',
  ])
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
}

const clears: Array<() => Promise<unknown>> = []

beforeAll(async () => {
  token = freshValue('forge')
  stack = await Stack.make({ words: ['init', '--with-proxy'], after: (clear) => clears.push(clear) })
  const image = `${stack.name}-proxy`
  clears.push(() => docker(['image', 'rm', '--force', image]))
  const compose = (await stack.read('docker-compose.yml'))
    .replace('FORGE_URL: https://forge.example.org', 'FORGE_URL: http://upstream:3000')
    .replace('FORGE_USER: token', 'FORGE_USER: bot')
    .replace(
      '  forge:\n',
      `  upstream:
    image: ${IMAGE}
    entrypoint: ["node", "/forge.mjs"]
    environment: {WANTED: "\${WANTED}"}
    volumes: ["./forge.mjs:/forge.mjs:ro"]
    networks: [outside]
  forge:\n`,
    )
  await stack.write('docker-compose.yml', compose)
  await stack.write('forge.mjs', FORGE)
  await stack.secret('FORGE_TOKEN', token)
  await stack.must('secrets', 'grant', 'forge', 'FORGE_TOKEN')
  await stack.envFile({ NAME: 'value' })
  // The packages come from wherever the host has them.
  const words = ['build', '--network', 'host', '--build-arg', `AGENT_IMAGE=${IMAGE}`, '--tag', image]
  await must('docker', [...words, stack.path('proxy')], { env: { DOCKER_BUILDKIT: '1' } })
  const { exitCode, stderr } = await stack.run(['up'], { env: { PROXY_IMAGE: image, WANTED: token } })
  expect(exitCode, stderr).toBe(0)
  await until(async () => expect(await statusOf('GET', '/')).toBe(403))
  return async () => {
    for (const clear of clears) await clear()
  }
}, 900_000)

/** What the proxy answers to a request of the agents' Node. */
async function statusOf(method: string, path: string, headers: Record<string, string> = {}): Promise<number> {
  const program = `fetch('http://forge' + process.argv[1], {redirect: 'manual', method: process.argv[2], headers: JSON.parse(process.argv[3])})
    .then((r) => console.log(r.status), (e) => console.log(-1))`
  return Number(await inAgents('node', '-e', program, path, method, JSON.stringify(headers)))
}

test('git clones and pushes through it, and the forge sees the token', { timeout: 300_000 }, async () => {
  await agent(`git clone -q https://forge.example.org/team/app.git app; cd app
    git config user.name agent; git config user.email agent@example.org
    head -c 9000000 /dev/urandom > big; git add big; git commit -qm one; git push -q origin HEAD:main
    for i in 1 2 3 4 5; do head -c 3000000 /dev/urandom > big; git commit -qam $i; git push -q origin HEAD:main; done; cd ..
    git clone -q http://forge/team/app.git again; cmp app/big again/big; rm -rf app again`)
  const requests = await asked()
  expect(requests.length).toBeGreaterThan(4)
  expect(requests.every(({ known }) => known)).toBe(true)
  expect(requests.map(({ method, url }) => `${method} ${url}`)).toContain(
    'POST /team/app.git/git-receive-pack',
  )
})

test('the agents can’t find the token: not in an environment, /proc, a file, a log or an answer', {
  timeout: 300_000,
}, async () => {
  const basic = Buffer.from(`bot:${token}`).toString('base64')
  const answer = await raw(
    `GET /api/v1/repos/team/app/issues HTTP/1.1\r\nHost: forge\r\nConnection: close\r\n\r\n`,
  )
  expect(answer).toMatch(/^HTTP\/1\.1 200/)
  expect(answer).not.toMatch(/set-cookie/i)
  const denied = await raw(`GET /nothing HTTP/1.1\r\nHost: forge\r\nConnection: close\r\n\r\n`)
  const seen = [
    answer,
    denied,
    await agent(`cat /proc/*/environ /proc/*/cmdline 2>/dev/null | tr '\\0' '\\n'; env`),
    await must('docker', ['logs', `${stack.name}-agents-1`]),
    await must('docker', ['logs', `${stack.name}-forge-1`]),
    await must('docker', ['inspect', `${stack.name}-agents-1`, `${stack.name}-forge-1`]),
    await must('docker', ['top', `${stack.name}-forge-1`]),
  ]
  for (const text of seen) for (const value of [token, basic]) expect(text.includes(value)).toBe(false)
  // As root, in every file that the container has.
  const found = await docker(
    [
      'exec',
      '--interactive',
      '--user',
      'root',
      `${stack.name}-agents-1`,
      'bash',
      '-c',
      `t=$(cat); grep -rlsF -e "$t" / --exclude-dir=proc --exclude-dir=sys | head -3`,
    ],
    token,
  )
  expect(found.stdout).toBe('')
})

test('other methods, paths, hosts and queries never reach the forge', { timeout: 300_000 }, async () => {
  await asked()
  for (const [method, path] of [
    ['DELETE', '/api/v1/repos/team/app/issues/1'],
    ['PATCH', '/api/v1/repos/team/app/pulls/1'],
    ['PUT', '/team/app.git/git-receive-pack'],
    ['GET', '/api/v1/user'],
    ['GET', '/api/v1/repos/team/app'],
    ['GET', '/api/v1/repos/team/app/issues?sudo=admin'],
    ['GET', '/api/v1/repos/team/app/issues?access_token=x'],
    ['GET', '/api/v1/repos/team/app/issues?limit=1&%73udo=admin'],
    ['GET', '/api/v1/repos/team/%2e%2e/%2e%2e/user/issues'],
    ['GET', '/team%2Fapp.git/info/refs?service=git-upload-pack'],
    ['GET', '/team/app.git/info/refs?service=git-upload-archive'],
    ['GET', '/team/app.git/HEAD'],
    ['GET', '/'],
  ] as const)
    expect(await statusOf(method, path), `${method} ${path}`).toBe(403)
  for (const [head, status] of [
    ['GET /api/v1/repos/team/app/issues HTTP/1.1\r\nHost: upstream:3000', 421],
    ['GET http://upstream:3000/api/v1/repos/team/app/issues HTTP/1.1\r\nHost: forge', 421],
    ['GET /api/v1/repos/team/app/issues HTTP/1.1', 400],
    ['GET /api/v1/repos/team/app/issues HTTP/1.1\r\nHost: forge\r\nHost: upstream:3000', 400],
    ['GET /api/v1/repos/team/../../user/issues HTTP/1.1\r\nHost: forge', 403],
    ['GET /api/v1/repos/team/app/issues HTTP/0.9', 400],
    ['GET //api/v1/repos/team/app/issues HTTP/1.1\r\nHost: forge', 403],
    ['GET /api/v1/repos/team/app/issues;x HTTP/1.1\r\nHost: forge', 403],
    ['CONNECT upstream:3000 HTTP/1.1\r\nHost: forge', 400],
    ['TRACE /api/v1/repos/team/app/issues HTTP/1.1\r\nHost: forge', 405],
  ] as const)
    expect((await raw(`${head}\r\nConnection: close\r\n\r\n`)).slice(0, 12), head).toBe(`HTTP/1.1 ${status}`)
  expect(await asked()).toEqual([])
})

test('no request is smuggled behind another', { timeout: 300_000 }, async () => {
  const inner = 'GET /api/v1/user HTTP/1.1\r\nHost: forge\r\n\r\n'
  const path = 'POST /api/v1/repos/team/app/issues HTTP/1.1\r\nHost: forge\r\n'
  for (const text of [
    `${path}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${inner}`,
    `${path}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n${inner}`,
    `${path}Transfer-Encoding : chunked\r\nContent-Length: ${inner.length}\r\n\r\n${inner}`,
    `${path}Content-Length: 0\r\nContent-Length: ${inner.length}\r\n\r\n${inner}`,
    `${path}Content-Length: 0\r\n\r\n${inner}`,
    `${path}X: 1\nTransfer-Encoding: chunked\r\nContent-Length: ${inner.length}\r\n\r\n${inner}`,
  ])
    await raw(text)
  const others = (await asked()).filter(({ url }) => url !== '/api/v1/repos/team/app/issues')
  expect(others).toEqual([])
})

test('what the agents send of themselves is not what the forge goes by', { timeout: 300_000 }, async () => {
  const headers = {
    authorization: 'Basic eDp5',
    cookie: 'session=stolen',
    sudo: 'admin',
    'x-http-method-override': 'DELETE',
    'x-real-ip': '127.0.0.1',
    forwarded: 'for=127.0.0.1',
    'x-forwarded-host': 'elsewhere',
  }
  expect(await statusOf('GET', '/api/v1/repos/team/app/issues?limit=1&page=2', headers)).toBe(200)
  const [request] = await asked()
  expect(request?.known).toBe(true)
  expect(Object.keys(request?.headers ?? {})).not.toEqual(expect.arrayContaining(['cookie']))
  for (const name of ['cookie', 'sudo', 'x-http-method-override', 'x-real-ip', 'forwarded'])
    expect(request?.headers[name], name).toBeUndefined()
  expect(request?.headers['x-forwarded-host']).not.toBe('elsewhere')
  // Where the forge sends elsewhere, nobody follows, and the agents learn of no other address.
  expect(await statusOf('GET', '/api/v1/repos/team/app/issues/302')).toBe(502)
})

test('the agents reach no other address', { timeout: 300_000 }, async () => {
  const reached = await agent(
    `node -e 'fetch("http://upstream:3000/").then(() => console.log("reached"), () => console.log("no"))'; getent hosts upstream || true`,
  )
  expect(reached.trim()).toBe('no')
})

test('the agents reach nothing that listens on the machine itself', { timeout: 300_000 }, async () => {
  const server = createServer((_, answer) => answer.end('reached'))
  onTestFinished(() => void server.close())
  await new Promise<void>((ready) => server.listen(0, '0.0.0.0', ready))
  const { port } = server.address() as AddressInfo
  const gateways = await must('docker', [
    'network',
    'inspect',
    `${stack.name}_inside`,
    '--format',
    '{{range .IPAM.Config}}{{.Gateway}}{{end}}',
  ])
  const addresses = Object.values(networkInterfaces())
    .flat()
    .flatMap((one) => (one?.family === 'IPv4' && !one.internal ? [one.address] : []))
  // The first shows that something listens, where everybody may ask.
  expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('reached')
  const program = `Promise.all(process.argv.slice(1).map((url) => fetch(url, { signal: AbortSignal.timeout(4000) })
    .then(() => url + ' reached', () => 'no'))).then((all) => console.log([...new Set(all)].join()))`
  const urls = [gateways.trim(), ...addresses].map((address) => `http://${address}:${port}/`)
  expect((await inAgents('node', '-e', program, ...urls)).trim()).toBe('no')
})

test('1,000 requests, 50 at a time, are all answered', { timeout: 300_000 }, async () => {
  await asked()
  // What is never answered is said, and waited for no longer than the proxy itself waits for a forge. Where a busy engine
  // has not found or reached the proxy within ten seconds, the proxy knows nothing of it, and is asked again.
  const program = `let left = 1000
    const lost = []
    const ask = (url) => fetch(url, { signal: AbortSignal.timeout(90_000) }).then(async (r) => (await r.text(), r.status), (e) => e.cause?.code ?? e.name)
    const asked = async (url) => { for (;;) { const status = await ask(url); if (!['EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT'].includes(status)) return status } }
    const work = async () => { while (left-- > 0) { const status = await asked('http://forge/api/v1/repos/team/app/issues?page=' + left); if (status !== 200) lost.push(status) } }
    Promise.all(Array.from({ length: 50 }, work)).then(() => { console.log(lost.join()); process.exit() })`
  expect((await inAgents('node', '-e', program)).trim()).toBe('')
  const requests = await asked()
  // What a connection that ends in between has lost is asked once more.
  expect(new Set(requests.map(({ url }) => url)).size).toBe(1000)
  expect(requests.every(({ known }) => known)).toBe(true)
})
