/** Holds the order of the rooms (AGENTS.md): who may import whom. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, posix, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { LANES, SUITES } from '../../tools/suites.mjs'

const SRC = fileURLToPath(new URL('../../src', import.meta.url))

/**
 * From the roof down. A room, or a file that is one by itself, imports itself and what stands below it; those on one
 * line know nothing of each other. A room ends with a slash.
 */
const ORDER = [
  ['disinto.ts', 'entrypoint.ts'],
  ['host/commands.ts'],
  ['host/commands/'],
  ['host/doctor/'],
  ['host/vault/'],
  ['host/compose/', 'host/migrate/'],
  ['host/git/'],
  ['host/store/'],
  ['host/access/', 'host/cli/'],
  ['host/context.ts'],
  ['host/process.ts'],
  ['host/files/', 'host/project.ts', 'host/template.ts', 'host/terminal.ts'],
  ['host/place.ts', 'host/finding.ts', 'host/proxy-template.ts', 'host/warnings.ts'],
  ['host/errors.ts'],
  ['sops/', 'handover/'],
  ['age/', 'redact/', 'load/'],
  ['child.ts', 'flags.ts', 'memory-directory.ts', 'root-environment.ts', 'warnings.ts'],
  ['node-debug.ts', 'owner.ts', 'speak.ts', 'yaml.ts'],
  ['errors.ts'],
  ['catalogue.ts'],
  ['quote.ts', 'version.ts', 'secret.ts', 'tmpfs.ts', 'nearest.ts', 'nouns.ts', 'file-access.ts'],
] as const

/** The files of src with what each imports, statically or not, types included. */
const imports = new Map(
  readdirSync(SRC, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .sort()
    .map((file) => [file, importsOf(file)]),
)

function importsOf(file: string): string[] {
  const text = readFileSync(resolve(SRC, file), 'utf8')
  return [...text.matchAll(/(?:\bfrom|\bimport\(|^import)\s*'(\.[^']+)'/gm)].map(([, path = '']) =>
    posix.normalize(relative(SRC, resolve(SRC, dirname(file), path))),
  )
}

/** The room of a file, and the line it stands on. The longest name wins: host/commands.ts is not in host/commands/. */
function placeOf(file: string): { room: string; line: number } | undefined {
  for (const [line, rooms] of ORDER.entries()) {
    const room = rooms.find((name) => (name.endsWith('/') ? file.startsWith(name) : file === name))
    if (room !== undefined) return { room, line }
  }
  return undefined
}

/** Why one file may not import another; undefined where it may. */
function objection(file: string, imported: string): string | undefined {
  const from = placeOf(file)
  const to = placeOf(imported)
  if (from === undefined || to === undefined) return `${imported} has no place in the order`
  if (from.room === to.room)
    return from.room === 'host/commands/' ? `${imported}: no command imports another` : undefined
  if (to.line > from.line) return undefined
  return `${imported}: ${to.room} does not stand below ${from.room}`
}

describe('the order of the rooms', () => {
  test.each([...imports])('%s imports nothing but its room and what stands below it', (file, imported) => {
    expect(placeOf(file)).toBeDefined()
    expect(imported.map((one) => objection(file, one)).filter((told) => told !== undefined)).toEqual([])
  })

  test('no chain of imports comes back to where it began', () => {
    const done = new Set<string>()
    const circles: string[] = []
    const walk = (file: string, path: readonly string[]): void => {
      if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(' -> '))
      if (path.includes(file) || done.has(file)) return
      for (const imported of imports.get(file) ?? []) walk(imported, [...path, file])
      done.add(file)
    }
    for (const file of imports.keys()) walk(file, [])
    expect(circles).toEqual([])
  })

  test('the imports of every kind are seen', () => {
    expect(imports.get('entrypoint.ts')).toEqual(
      expect.arrayContaining(['errors.ts', 'handover/supervise.ts', 'redact/filter.ts']),
    )
    expect(imports.get('host/commands.ts')).toContain('host/commands/secrets/recipients/list.ts')
  })
})

test('every suite of tests runs, in one lane', () => {
  for (const { name } of SUITES)
    expect(
      LANES.filter((lane) => lane.includes(name)),
      name,
    ).toHaveLength(1)
  expect(LANES.flat()).toHaveLength(SUITES.length)
})
