/** Services that get exactly what they were granted, on a real engine, whatever they have cloned. */
import { rm } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { freshValue, must, useImage } from '../image/image.ts'
import { asRoot, Stack } from './stack.ts'

useImage()

const SERVICE = (name: string) =>
  `  ${name}:\n    image: \${AGENT_IMAGE}\n    init: true\n    command: ["sleep", "infinity"]\n    volumes: [".:/clone:ro"]\n`

const SECRETS = ['A', 'B', 'C', 'D', 'E', 'F'] as const
const GRANTS: Readonly<Record<string, readonly string[]>> = {
  qwen: ['A', 'B'],
  llama: ['B', 'C'],
  web: ['F'],
}

/** The names that a service's command has, by its environment. */
async function namesIn(stack: Stack, service: string): Promise<string[]> {
  const { stdout } = await stack.must('exec', service, '--with-secrets', '--', 'env')
  return stdout
    .split('\n')
    .map((line) => line.split('=')[0] ?? '')
    .filter((name) => /^(?:[A-F]|FORGE_TOKEN)$/.test(name))
    .sort()
}

const codesOf = async (stack: Stack): Promise<string[]> => {
  const { stdout } = await stack.run(['doctor', '--json'])
  const { findings } = JSON.parse(stdout) as { findings: Array<{ code: string; severity: string }> }
  return findings.filter(({ severity }) => severity !== 'note').map(({ code }) => code)
}

const container = async (stack: Stack, service: string): Promise<string> =>
  (await must('docker', ['inspect', '--format', '{{.Id}}', `${stack.name}-${service}-1`])).trim()

test('three services and six secrets: each has the whole clone, and every key opens exactly what was granted', async () => {
  const stack = await Stack.make()
  await stack.write(
    'docker-compose.yml',
    `services:\n${Object.keys(GRANTS)
      .map((name) => SERVICE(name))
      .join('')}`,
  )
  const values = new Map(SECRETS.map((name) => [name, freshValue(name)]))
  for (const [name, value] of values) await stack.secret(name, value)
  await stack.envFile({ FORGE_TOKEN: freshValue('forge') })
  for (const [service, names] of Object.entries(GRANTS))
    await stack.must('secrets', 'grant', service, ...names)
  await stack.must('up')
  for (const [service, names] of Object.entries(GRANTS)) {
    expect(await namesIn(stack, service), service).toEqual(names)
    const id = await container(stack, service)
    const tried = await asRoot(
      id,
      'export SOPS_AGE_KEY_FILE=/home/agent/.config/sops/age/keys.txt; cd /clone; for f in secrets/*.enc; do sops decrypt --input-type json --output-type json $f >/dev/null 2>&1 && echo $f; done; sops decrypt --input-type dotenv --output-type dotenv .env.enc >/dev/null 2>&1 && echo .env.enc; true',
    )
    expect(tried.trim().split('\n'), service).toEqual(names.map((name) => `secrets/${name}.enc`))
    expect((await asRoot(id, 'ls /etc/disinto/secrets')).trim().split('\n')).toEqual(
      names.map((name) => `${name}.enc`),
    )
    expect(
      (
        await asRoot(
          id,
          ': > /etc/disinto/secrets/x 2>/dev/null; for f in /etc/disinto/secrets/*.enc; do (: >> $f) 2>/dev/null && echo $f; done; true',
        )
      ).trim(),
    ).toBe('')
    const inspected = await must('docker', ['inspect', id])
    for (const value of values.values()) expect(inspected.includes(value)).toBe(false)
  }
  expect(await codesOf(stack)).toEqual([])

  // Another value for one, a new grant and a revocation: each container is what it should be after the next up.
  const own = freshValue('own')
  const added = await stack.run(['secrets', 'add', 'FORGE_TOKEN', '--for', 'qwen'], { input: own })
  expect(added.exitCode, added.stderr).toBe(0)
  await stack.must('secrets', 'grant', 'web', '.env.enc')
  await stack.must('secrets', 'revoke', 'llama', 'B')
  expect(new Set(await codesOf(stack))).toEqual(new Set(['container-older', 'grant-unmounted']))
  await stack.must('up')
  expect(await namesIn(stack, 'qwen')).toEqual(['A', 'B', 'FORGE_TOKEN'])
  const { stdout } = await stack.must('exec', 'qwen', '--with-secrets', '--', 'printenv', 'FORGE_TOKEN')
  expect(stdout.trim() === own).toBe(true)
  expect(await namesIn(stack, 'llama')).toEqual(['C'])
  expect(await namesIn(stack, 'web')).toEqual(['F', 'FORGE_TOKEN'])
  expect(await codesOf(stack)).toEqual([])
})

test('a rule that nobody has accepted mounts nothing, and a key without a grant gets nothing', async () => {
  const stack = await Stack.make()
  await stack.write('docker-compose.yml', `services:\n${SERVICE('qwen')}${SERVICE('llama')}`)
  await stack.secret('A', freshValue('a'))
  await stack.secret('B', freshValue('b'))
  await stack.envFile({ FORGE_TOKEN: freshValue('forge') })
  await stack.must('secrets', 'grant', 'qwen', 'A')
  await stack.must('secrets', 'keygen', '--service', 'llama')
  const rules = await stack.read('.sops.yaml')
  await stack.write('.sops.yaml', rules.replace('secrets/A\\.enc', 'secrets/B\\.enc'))
  const { stderr } = await stack.must('up')
  expect(stderr).toContain('qwen: does not get B, which is granted by a rule that nobody has accepted')
  expect(stderr).toContain('llama: has a key, but was granted nothing')
  expect(await namesIn(stack, 'qwen')).toEqual([])
  expect(await namesIn(stack, 'llama')).toEqual([])
  await stack.write('.sops.yaml', rules)
  await stack.must('up')
  expect(await namesIn(stack, 'qwen')).toEqual(['A'])
  // What the compose file mounts by itself and was not granted, and a service that is none.
  await stack.write(
    'docker-compose.yml',
    `services:\n${SERVICE('llama').replace('".:/clone:ro"', '"./secrets/B.enc:/etc/disinto/secrets/B.enc:ro"')}`,
  )
  const codes = await codesOf(stack)
  expect(codes).toContain('grant-mounted')
  expect(codes).toContain('grant-serviceless')
  await rm(stack.path('secrets/A.enc'))
  await stack.write('docker-compose.yml', `services:\n${SERVICE('qwen')}`)
  expect(await codesOf(stack)).toContain('grant-absent')
})
