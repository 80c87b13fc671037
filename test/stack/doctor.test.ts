import { chmod, mkdir, rm } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { DISINTO } from '../helpers/parts.ts'
import { freshValue, must, run, useImage } from '../image/image.ts'
import { proposalFor, Stack } from './stack.ts'

useImage()

interface Finding {
  readonly code: string
  readonly severity: string
  readonly message: string
  readonly fix?: string
}

async function findingsOf(
  stack: Stack,
  env: Record<string, string> = {},
): Promise<{ status: number; findings: Finding[]; text: string }> {
  const { exitCode, stdout, stderr } = await stack.run(['doctor', '--json'], { env })
  expect(stderr).toBe('')
  return { status: exitCode, findings: JSON.parse(stdout).findings, text: stdout }
}

/** The codes of what is wrong, and of what is doubtful. */
async function codesOf(stack: Stack, env: Record<string, string> = {}): Promise<string[]> {
  const { findings } = await findingsOf(stack, env)
  // What other runs on this machine have left is none of ours.
  return findings
    .filter(({ severity, code }) => severity !== 'note' && code !== 'run-left')
    .map(({ code }) => code)
}

async function makeHealthy(): Promise<Stack> {
  const stack = await Stack.make()
  await stack.envFile({ FORGE_TOKEN: freshValue('token') })
  await stack.secret('CLAWHUB_TOKEN', freshValue('hub'))
  return stack
}

const git = (stack: Stack, ...words: string[]) =>
  must('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.org', ...words], { cwd: stack.directory })

const compose = (agents: string) => `services:\n  agents:\n    image: \${AGENT_IMAGE}\n${agents}`

test('a healthy project has no findings but facts, and status 0', async () => {
  const stack = await makeHealthy()
  await git(stack, 'init', '--quiet')
  const { status, findings } = await findingsOf(stack)
  expect(findings.filter(({ severity }) => severity !== 'note')).toEqual([])
  expect(status).toBe(0)
  for (const tool of ['node', 'docker', 'docker compose', 'sops', 'age', 'git', 'Docker Engine']) {
    expect(findings.map(({ message }) => message)).toContainEqual(expect.stringMatching(`^${tool} [0-9]`))
  }
})

test('each mistake has its code, severity and fix, and errors make status 1', async () => {
  const stack = await makeHealthy()
  await chmod(stack.keyFile(), 0o644)
  const { status, findings } = await findingsOf(stack)
  expect(status).toBe(1)
  const [finding] = findings.filter(({ code }) => code === 'key-file-open')
  expect(finding).toMatchObject({ severity: 'error', fix: `chmod 600 ${stack.keyFile()}` })
  const { stdout } = await stack.run(['doctor'])
  expect(stdout).toMatch(/^error: key-file-open: .*\n {2}fix: chmod 600 /m)
  expect(stdout).toMatch(/^1 error, 0 warnings, \d+ notes \(--verbose shows them\)$/m)
})

test('plaintext is found: alone, left over, lying about, in git, and in git’s history', async () => {
  const stack = await makeHealthy()
  await stack.plain({ FORGE_TOKEN: freshValue('old') })
  await stack.write('secrets/NOTES', 'x')
  await git(stack, 'init', '--quiet')
  await git(stack, 'add', '--force', '.env')
  await git(stack, 'commit', '--quiet', '--message', 'x')
  expect(await codesOf(stack)).toEqual(
    expect.arrayContaining(['plaintext-left', 'secrets-stray', 'git-tracks-plaintext']),
  )
  await git(stack, 'rm', '--quiet', '.env')
  await git(stack, 'commit', '--quiet', '--message', 'y')
  await rm(stack.path('secrets/NOTES'))
  expect(await codesOf(stack)).toEqual(['git-knew-plaintext'])
  await stack.write('.gitignore', '')
  expect(await codesOf(stack)).toContain('git-would-take-plaintext')
})

test('a file that is damaged, misnamed, refused or not for us is found', async () => {
  const stack = await makeHealthy()
  const good = await stack.read('secrets/CLAWHUB_TOKEN.enc')
  await stack.write('secrets/CLAWHUB_TOKEN.enc', good.replace(/data:../, 'data:AA'))
  expect(await codesOf(stack)).toEqual(['file-tampered'])
  await stack.write('secrets/CLAWHUB_TOKEN.enc', good)
  await stack.write('secrets/OTHER.enc', good)
  expect(await codesOf(stack)).toEqual(['name-mismatch', 'file-copied'])
  await rm(stack.path('secrets/OTHER.enc'))
  await stack.write('secrets/LD_PRELOAD.enc', good.replace('CLAWHUB_TOKEN', 'LD_PRELOAD'))
  expect(await codesOf(stack)).toContain('name-refused')
  await rm(stack.path('secrets/LD_PRELOAD.enc'))
  await stack.write('secrets/EMPTY.enc', '')
  expect(await codesOf(stack)).toContain('source-empty')
  await rm(stack.path('secrets/EMPTY.enc'))
  await rm(stack.keyFile())
  expect(await codesOf(stack)).toEqual(['key-absent', 'key-missing', 'key-missing'])
  expect((await stack.run(['doctor'])).exitCode).toBe(0)
})

test('recipients that differ from .sops.yaml are found, and a service that can open a secret', async () => {
  const stack = await makeHealthy()
  const rules = await stack.read('.sops.yaml')
  const [operator = '', service = ''] = new Set(rules.match(/age1[a-z0-9]+/g))
  await stack.write('.sops.yaml', rules.replace(`${operator},${service}`, operator))
  const { findings } = await findingsOf(stack)
  const [finding] = findings.filter(({ code }) => code === 'recipients-differ')
  expect(finding?.message).toContain(`.env.enc: encrypted to ${service}`)
  await stack.write('.sops.yaml', rules.replaceAll(/age: \S+/g, `age: ${operator},${service}`))
  await stack.must('secrets', 'recipients', 'accept')
  // A change of a value keeps its readers: only a new file is for those of the rule.
  await rm(stack.path('secrets/CLAWHUB_TOKEN.enc'))
  await stack.secret('CLAWHUB_TOKEN', freshValue('hub'))
  expect(await codesOf(stack)).toEqual(['service-opens-secret'])
})

test('what docker inspect would show is found, and no value is printed', async () => {
  const stack = await makeHealthy()
  const literal = freshValue('literal')
  const environment = `    environment:\n      A: \${FORGE_TOKEN}\n      CLAWHUB_TOKEN:\n      API_TOKEN: ${literal}\n`
  await stack.write('docker-compose.yml', compose(`${environment}    command: ["echo", "\${FORGE_TOKEN}"]\n`))
  const { findings, text } = await findingsOf(stack)
  const shown = findings.filter(({ code }) => code === 'inspect-shows').map(({ message }) => message)
  expect(shown).toEqual(['agents: docker inspect shows the values of FORGE_TOKEN (environment, command)'])
  // Only secrets/ has it, so compose does not get it.
  expect(findings.filter(({ code }) => code === 'secret-kept')).toHaveLength(1)
  expect(findings.map(({ code }) => code)).toContain('compose-literal')
  expect(text.includes(literal)).toBe(false)
  await stack.plain({ FORGE_TOKEN: 'x' })
  await stack.write('docker-compose.yml', compose('    env_file: [.env]\n'))
  expect(await codesOf(stack)).toEqual(expect.arrayContaining(['inspect-shows']))
})

test('mounts that give too much or too little are found', async () => {
  const stack = await makeHealthy()
  const codesWith = async (agents: string) => {
    await stack.write('docker-compose.yml', compose(agents))
    return codesOf(stack)
  }
  const key = '~/.config/sops/age:/home/agent/.config/sops/age:ro'
  expect(await codesWith(`    volumes: ["${key}"]\n`)).toEqual(['operator-key-mounted'])
  expect(await codesWith('    volumes: ["./secrets:/etc/disinto/secrets:ro"]\n')).toEqual([
    'secrets-unopenable',
  ])
  expect(await codesWith('    volumes: ["./nothing:/etc/disinto/.env:ro"]\n')).toEqual(['mount-missing'])
  await stack.write(
    'docker-compose.yml',
    `services:\n  vault-runner:\n    image: \${AGENT_IMAGE}\n    volumes: ["./:/work"]\n`,
  )
  expect(await codesOf(stack)).toContain('runner-sees')
  await stack.write('docker-compose.yml', 'services: {agents: {image: "disinto-no-such-image"}}\n')
  expect(await codesOf(stack)).toEqual(['image-absent'])
  await stack.write('docker-compose.yml', 'services: [\n')
  expect(await codesOf(stack)).toEqual(['compose-file-wrong'])
})

test('a proposal that could not be run is found', async () => {
  const stack = await makeHealthy()
  await stack.proposal('good', proposalFor('CLAWHUB_TOKEN'))
  await stack.proposal('other', proposalFor('NOTHING'))
  await stack.proposal('bad', '{')
  expect(await codesOf(stack)).toEqual(['proposal-wrong', 'proposal-secret-missing'])
})

test('without docker or an engine the rest is still examined', async () => {
  const stack = await makeHealthy()
  await chmod(stack.keyFile(), 0o644)
  const silent = await codesOf(stack, { DOCKER_HOST: 'unix:///nowhere' })
  expect(silent).toEqual(['key-file-open', 'engine-silent'])
  const none = await codesOf(stack, { PATH: '/nowhere' })
  expect(none).toEqual(expect.arrayContaining(['key-file-open', 'tool-absent']))
})

test('an empty directory is examined, too', async () => {
  const stack = await Stack.make()
  await mkdir(stack.path('empty'))
  const { exitCode, stdout } = await run(
    process.execPath,
    [DISINTO, 'doctor', '--root', stack.path('empty')],
    { env: { HOME: stack.home } },
  )
  expect(exitCode, stdout).toBe(0)
})
