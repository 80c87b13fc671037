import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { COPIES, envText } from '../../tools/guarded-line.mjs'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const read = (file: string) => readFileSync(`${ROOT}${file}`, 'utf8')
const PAGES = ['README.md', ...readdirSync(`${ROOT}docs`).map((page) => `docs/${page}`)]

/** Lines that start the shim's Node with flags. */
const startsIn = (file: string) =>
  read(file)
    .split('\n')
    .filter((line) => /^(?:ENTRYPOINT|ExecStart)\b.*entrypoint\.js/.test(line))

test('every copy of the guarded line in the pages is one that tools/guarded-line.mjs prints', () => {
  const known = Object.values(COPIES)
  const copies = PAGES.flatMap((page) => startsIn(page).map((line) => ({ page, line })))
  expect(copies.length).toBeGreaterThanOrEqual(5)
  for (const { page, line } of copies) {
    expect(
      known.some((copy) => line === copy || line.startsWith(`${copy} `)),
      `${page}: ${line}`,
    ).toBe(true)
  }
  for (const name of ['env', 'shell', 'distroless', 'systemd'] as const) {
    expect(
      copies.some(({ line }) => line.startsWith(COPIES[name])),
      name,
    ).toBe(true)
  }
})

test('the image’s ENTRYPOINT is the guarded line, and disinto-entrypoint says the same', () => {
  expect(startsIn('Dockerfile.agent')).toEqual([COPIES.image])
  expect(read('entrypoint/disinto-entrypoint')).toContain(
    `exec /usr/bin/env -S '${envText('/usr/local/bin/node')}' "$@"\n`,
  )
})

test('no page advises --disable-sigusr1, which leaves the signal blocked in the command', () => {
  for (const page of PAGES) {
    const advised = startsIn(page).filter((line) => line.includes('--disable-sigusr1'))
    expect(advised, page).toEqual([])
  }
})

test('every probe of deploy/, and health check of a page, names the image’s program by its path', () => {
  const deploy = readdirSync(`${ROOT}deploy`, { recursive: true, encoding: 'utf8' })
  const files = [...deploy.filter((file) => /\.ya?ml$/.test(file)).map((file) => `deploy/${file}`), ...PAGES]
  const probes = files.flatMap((file) =>
    read(file)
      .split('\n')
      .filter((line) => /^\s*(?:command:|test:|HEALTHCHECK).*disinto-entrypoint/.test(line))
      .map((line) => ({ file, line })),
  )
  expect(probes.map(({ file }) => file).sort()).toEqual([
    'deploy/kubernetes/root/deployment.yaml',
    'deploy/swarm/stack.yml',
    'docs/install.md',
  ])
  for (const { file, line } of probes)
    expect(line, file).toMatch(/[[" ]\/usr\/local\/bin\/disinto-entrypoint\b/)
})
