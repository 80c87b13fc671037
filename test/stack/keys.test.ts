import { readFile, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { expect, test } from 'vitest'
import { docker, freshValue, must, useImage } from '../image/image.ts'
import { asRoot, asUser, environmentIn, expectError, Stack } from './stack.ts'

useImage()

const AGE_KEYGEN = process.env.AGE_KEYGEN_PROGRAM || 'age-keygen'
const recipientOf = (path: string) => must(AGE_KEYGEN, ['-y', path])

/** The recipients that sops finds in a file's metadata. */
async function recipientsIn(stack: Stack, file: string): Promise<Set<string>> {
  return new Set((await stack.read(file)).match(/\bage1[a-z0-9]{20,}\b/g) ?? [])
}

const updateKeys = (stack: Stack, ...words: string[]) =>
  must('sh', ['-c', 'sops updatekeys --yes "$@" 2>&1', 'sops', ...words], {
    cwd: stack.directory,
    env: stack.environment(),
  })

test('the first up makes the service key, 0600 in directories that are 0700', async () => {
  const stack = await Stack.make()
  await stack.must('up')
  const key = stack.keyFile('agents')
  expect((await stat(key)).mode & 0o777).toBe(0o600)
  expect((await stat(dirname(key))).mode & 0o777).toBe(0o700)
  const before = await readFile(key, 'utf8')
  await stack.must('up')
  expect(await readFile(key, 'utf8')).toBe(before)
})

test('.env.enc is for operator and service, a secret file for the operator, and sops updatekeys agrees', async () => {
  const stack = await Stack.make()
  await stack.envFile({ FORGE_TOKEN: freshValue('token') })
  await stack.secret('CLAWHUB_TOKEN', freshValue('hub'))
  await stack.must('up')
  const operator = await recipientOf(stack.keyFile())
  const service = await recipientOf(stack.keyFile('agents'))
  expect(await recipientsIn(stack, '.env.enc')).toEqual(new Set([operator, service]))
  expect(await recipientsIn(stack, 'secrets/CLAWHUB_TOKEN.enc')).toEqual(new Set([operator]))
  expect(await updateKeys(stack, '--input-type', 'dotenv', '.env.enc')).toContain('already up to date')
  expect(await updateKeys(stack, 'secrets/CLAWHUB_TOKEN.enc')).toContain('already up to date')
})

test('a .env.enc that sops made for the operator alone is encrypted to the service on up', async () => {
  const stack = await Stack.make()
  const value = freshValue('token')
  await stack.must('secrets', 'keygen')
  const operator = await recipientOf(stack.keyFile())
  // Rules of somebody who knew no services, and one rule for everything.
  const rules = `# ours\ncreation_rules:\n  - age: ${operator}\n`
  await stack.write('.sops.yaml', rules)
  await stack.write('plain', `# kept\nFORGE_TOKEN=${value}\n`)
  const types = ['--input-type', 'dotenv', '--output-type', 'dotenv']
  const sealed = await must('sops', ['encrypt', ...types, 'plain'], {
    cwd: stack.directory,
    env: stack.environment(),
  })
  await rm(stack.path('plain'))
  await stack.write('.env.enc', `${sealed}\n`)
  await stack.must('up')

  const service = await recipientOf(stack.keyFile('agents'))
  expect(await recipientsIn(stack, '.env.enc')).toEqual(new Set([operator, service]))
  expect(await environmentIn(await stack.container())).toContain(`FORGE_TOKEN=${value}`)
  const opened = await must('sops', ['decrypt', ...types, '.env.enc'], {
    cwd: stack.directory,
    env: stack.environment(),
  })
  expect(opened).toBe(`# kept\nFORGE_TOKEN=${value}`)
  expect(await updateKeys(stack, '--input-type', 'dotenv', '.env.enc')).toContain('already up to date')
  // What the one rule said of secret files still holds.
  expect(await stack.read('.sops.yaml')).toContain('# ours')
  await stack.secret('CLAWHUB_TOKEN', freshValue('hub'))
  expect(await recipientsIn(stack, 'secrets/CLAWHUB_TOKEN.enc')).toEqual(new Set([operator]))
})

test('whoever can’t open .env.enc can’t let a service open it, and nothing is changed', async () => {
  const stack = await Stack.make()
  await stack.envFile({ FORGE_TOKEN: freshValue('token') })
  const rules = await stack.read('.sops.yaml')
  const sealed = await stack.read('.env.enc')
  await rm(stack.keyFile())
  await rm(stack.keyFile('agents'))
  expectError(await stack.run(['up']), /\.env\.enc: no age identity/)
  expect(await stack.read('.sops.yaml')).toBe(rules)
  expect(await stack.read('.env.enc')).toBe(sealed)
  expect(await stack.containers()).toEqual([])
})

test('root in the agents container, with a clone of the repository, opens no secret file', async () => {
  const stack = await Stack.make()
  const [token, hub, deploy] = [freshValue('token'), freshValue('hub'), freshValue('deploy')]
  await stack.envFile({ FORGE_TOKEN: token })
  await stack.secret('CLAWHUB_TOKEN', hub)
  await stack.secret('DEPLOY_KEY', deploy)
  await stack.must('up')
  const container = await stack.container()
  await environmentIn(container)
  expect((await docker(['cp', `${stack.directory}/.`, `${container}:/tmp/clone`])).exitCode).toBe(0)

  const key = 'export SOPS_AGE_KEY_FILE=/home/agent/.config/sops/age/keys.txt; cd /tmp/clone; '
  // With that key .env.enc opens, so the attack is a real one.
  const types = '--input-type dotenv --output-type dotenv'
  expect(await asRoot(container, `${key} sops decrypt ${types} .env.enc`)).toContain(token)
  for (const name of ['CLAWHUB_TOKEN', 'DEPLOY_KEY']) {
    const attempts = [
      `sops decrypt secrets/${name}.enc`,
      `sops exec-env secrets/${name}.enc env`,
      `for key in $(find / -xdev -name 'keys.txt' -not -path '/proc/*'); do SOPS_AGE_KEY_FILE=$key sops decrypt secrets/${name}.enc; done`,
      `node /opt/disinto/entrypoint.js --root /tmp/clone --only ${name} -- env`,
    ]
    for (const attempt of attempts) {
      const { stdout, stderr } = await docker(['exec', '--user', '0', container, 'sh', '-c', key + attempt])
      expect(`${stdout}${stderr}`.includes(hub) || `${stdout}${stderr}`.includes(deploy), attempt).toBe(false)
    }
  }
  // No other key, and no value, is anywhere in what root can read there.
  const operator = (await readFile(stack.keyFile(), 'utf8')).match(/AGE-SECRET-KEY-\S+/)?.[0] ?? 'none'
  const words = `-e '${operator}' -e '${hub}' -e '${deploy}'`
  const skip = '--exclude-dir=proc --exclude-dir=sys --exclude-dir=dev'
  expect(await asRoot(container, `grep -rlF ${words} / ${skip} 2>/dev/null; true`)).toBe('')
  for (const user of ['0', 'agent']) {
    expect(await asUser(user, container, `grep -laF ${words} /proc/[0-9]*/environ 2>/dev/null; true`)).toBe(
      '',
    )
  }
})
