import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { IMAGE, must, REPOSITORY, useImage } from './image.ts'

useImage()

test('Dockerfile.agent builds the versions that the tests use', async () => {
  const pins: Record<'sops' | 'age', { version: string }> = JSON.parse(
    await readFile(join(REPOSITORY, 'tools', 'versions.json'), 'utf8'),
  )
  const dockerfile = await readFile(join(REPOSITORY, 'Dockerfile.agent'), 'utf8')
  expect(dockerfile).toContain(`ARG SOPS_VERSION=v${pins.sops.version}\n`)
  expect(dockerfile).toContain(`ARG AGE_VERSION=v${pins.age.version}\n`)
})

test('the image starts as root through env, in a directory of the agent', async () => {
  const format =
    '{{json .Config.User}} {{index .Config.Entrypoint 0}} {{.Config.WorkingDir}} {{json .Config.Cmd}}'
  const told = await must('docker', ['image', 'inspect', '--format', format, IMAGE])
  expect(told).toBe('"" /usr/bin/env /home/agent/work ["/bin/bash"]')
})

test('V8 takes the code cache under the flags of the ENTRYPOINT', async () => {
  const entrypoint = await must('docker', [
    'image',
    'inspect',
    '--format',
    '{{index .Config.Entrypoint 2}}',
    IMAGE,
  ])
  const flags = entrypoint.split(' ').filter((word) => word.startsWith('--') && word !== '--')
  expect(flags.length).toBeGreaterThan(0)
  const mount = `${join(REPOSITORY, 'tools')}:/tools:ro`
  const run = ['run', '--rm', '--volume', mount, '--entrypoint', '/usr/local/bin/node']
  const check = [...flags, '/tools/code-cache.mjs', '/opt/disinto', 'check']
  expect(await must('docker', [...run, IMAGE, ...check])).toBe('')
})
