/** What the tests of compose share: a project of files, in process. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { HostContext } from '../../../../src/host/context.ts'
import { projectAt } from '../../../../src/host/project.ts'
import type { Warning } from '../../../../src/speak.ts'

/** The context of a project with these files; a text that begins with `->` is where a link leads. */
export function contextOf(
  files: Readonly<Record<string, string>>,
  more: ReadonlyMap<string, string> = new Map(),
  warnings: Warning[] = [],
): HostContext {
  const root = mkdtempSync(join(tmpdir(), 'disinto-files-'))
  onTestFinished(() => rmSync(root, { recursive: true }))
  for (const [name, text] of Object.entries(files)) {
    const path = join(root, name)
    mkdirSync(dirname(path), { recursive: true })
    if (text.startsWith('->')) symlinkSync(text.slice(2), path)
    else writeFileSync(path, text)
  }
  const variables = new Map([['HOME', root], ...more])
  const nobody = { error: () => {}, warning: (one: Warning) => warnings.push(one), note: () => {} }
  return {
    ...{ project: projectAt(root, variables, root), variables, workingDirectory: root, speak: nobody },
    ...{ interactive: false, print: () => {}, write: () => {}, readInput: () => Buffer.alloc(0) },
  }
}
