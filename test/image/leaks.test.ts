import { mkdir, writeFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import {
  build,
  copyOfProject,
  docker,
  freshValue,
  IMAGE,
  logsOf,
  must,
  Place,
  run,
  shell,
  untilSaid,
  useImage,
} from './image.ts'

useImage()

test('docker inspect, logs, top, history and export hold no value', async () => {
  const values = [freshValue('env'), freshValue('secret')]
  const place = await (await Place.make()).envFile({ FORGE_TOKEN: values[0] ?? '' })
  await place.secret('CLAWHUB_TOKEN', values[1] ?? '')
  const check = 'test -n "$FORGE_TOKEN" && test -n "$CLAWHUB_TOKEN" && echo ready; exec sleep 1000'
  const container = await place.start(shell(check))
  await untilSaid(container, 'ready')
  const archive = place.path('container.tar')
  await must('docker', ['export', '--output', archive, container])
  const told = [
    await must('docker', ['inspect', container]),
    await must('docker', ['inspect', IMAGE]),
    await logsOf(container),
    await must('docker', ['top', container]),
    await must('docker', ['history', '--no-trunc', IMAGE]),
    await must('docker', ['diff', container]),
  ].join('\n')
  for (const value of values) {
    expect(told.includes(value)).toBe(false)
    expect((await run('grep', ['-aqF', value, archive])).exitCode).toBe(1)
  }
  // The same search finds what is there.
  expect((await run('grep', ['-aqF', 'agent:x:1000', archive])).exitCode).toBe(0)
})

/** Plants a value in each file that must stay out of a build. */
async function plant(directory: string, value: string): Promise<void> {
  const files = [
    '.env',
    '.env.enc',
    '.env.local',
    'secrets/TOKEN.enc',
    'secrets/plain',
    'keys.txt',
    '.git/config',
  ]
  files.push(
    'age/keys.txt',
    'node_modules/x/index.js',
    'entrypoint/entrypoint.js',
    'src/.env',
    'src/load/TOKEN.enc',
    'tools/.env',
  )
  for (const file of files) {
    await mkdir(`${directory}/${file}/..`.replace(/[^/]+\/\.\.$/, ''), { recursive: true })
    await writeFile(`${directory}/${file}`, `${value}\n`)
  }
}

test('the build sees the sources and nothing else', async () => {
  const directory = await copyOfProject()
  await plant(directory, 'planted')
  // Beside the copy's .dockerignore, so that it applies.
  await writeFile(`${directory}/probe`, 'FROM debian:bookworm-slim\nCOPY . /context\n')
  await build('disinto-agent:context', directory, 'probe')
  const words = [
    'run',
    '--rm',
    'disinto-agent:context',
    'find',
    '/context',
    '-not',
    '-path',
    '/context/src/*',
  ]
  const { stdout } = await docker(words)
  expect(stdout.split('\n').sort()).toEqual([
    '/context',
    '/context/entrypoint',
    '/context/entrypoint/disinto-entrypoint',
    '/context/esbuild.config.mjs',
    '/context/package-lock.json',
    '/context/package.json',
    '/context/src',
    '/context/tools',
    '/context/tools/code-cache.mjs',
    '/context/tsconfig.json',
  ])
  const found = await docker(['run', '--rm', 'disinto-agent:context', 'grep', '-rl', '^planted$', '/context'])
  expect(found.stdout).toBe('')
  await must('docker', ['rmi', '--force', 'disinto-agent:context'])
})

test('no layer of the image holds what lay beside the sources', async () => {
  const value = freshValue('planted')
  const directory = await copyOfProject()
  await plant(directory, value)
  await build('disinto-agent:planted', directory)
  const saved = `${directory}/saved`
  await mkdir(saved)
  const archive = `${directory}/image.tar`
  await must('docker', ['save', '--output', archive, 'disinto-agent:planted'])
  await must('tar', ['-xf', archive, '-C', saved])
  await must('docker', ['rmi', '--force', 'disinto-agent:planted'])
  // Each file of the archive, opened when it is an archive itself, compressed or not.
  const script =
    'find "$1" -type f | while read -r file; do { tar -xOf "$file" 2>/dev/null || cat "$file"; } | grep -aoF "$2"; done | sort | uniq -c'
  expect((await must('sh', ['-c', script, 'sh', saved, value])).trim()).toBe('')
  // The same search finds what is there.
  expect((await must('sh', ['-c', script, 'sh', saved, 'agent:x:1000'])).trim()).toMatch(/agent:x:1000/)
})
