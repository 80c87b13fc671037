import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { withKeptNames } from '../../../../src/host/compose/kept-names.ts'
import type { HostContext } from '../../../../src/host/context.ts'
import { projectAt } from '../../../../src/host/project.ts'
import { allowed } from '../../../../src/host/store/open.ts'

async function keptIn(
  file: string | undefined,
  variables: Record<string, string> = {},
): Promise<HostContext> {
  const root = mkdtempSync(join(tmpdir(), 'disinto-kept-'))
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  if (file !== undefined) writeFileSync(join(root, 'compose.yml'), file)
  const all = new Map(Object.entries(variables))
  return withKeptNames({ project: projectAt(root, all, root), variables: all } as unknown as HostContext)
}

const namesOf = ({ variables }: HostContext) => [...allowed(variables)].filter((name) => name !== '')

test('names of the file and of its services count beside those of DISINTO_ALLOW', async () => {
  const file = 'x-disinto: {allow: [A]}\nservices: {s: {image: x, x-disinto: {allow: "B C"}}}\n'
  const context = await keptIn(file, { DISINTO_ALLOW: 'D' })
  expect(new Set(namesOf(context))).toEqual(new Set(['A', 'B', 'C', 'D']))
  // What is for docker's own environment on this machine goes by what was said here alone.
  expect(context.ownVariables?.get('DISINTO_ALLOW')).toBe('D')
})

test.for([
  [undefined],
  ['services: [\n'],
  ['services: {s: {image: x}}'],
  ['x-disinto: {allow: ["a b\\n", 1.5]}'],
])('without such names, or with what are none, %j changes nothing', async ([file]) => {
  expect(namesOf(await keptIn(file))).toEqual([])
})
