/** What tools/real.mjs measures: the readers of compose files and env files, as the host command has them. */
import { readFileSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { DisintoError } from '../src/errors.ts'
import { readMarked, readStack } from '../src/host/compose/read.ts'
import type { HostContext } from '../src/host/context.ts'
import { projectAt } from '../src/host/project.ts'
import { diagnoseText } from '../src/load/diagnosis.ts'
import { readDotenv } from '../src/load/dotenv.ts'
import { fillReferences } from '../src/load/references.ts'
import { speaker } from '../src/speak.ts'

function contextFor(file: string, variables: ReadonlyMap<string, string>): HostContext {
  const all = new Map([...variables, ['COMPOSE_FILE', basename(file)]])
  return {
    project: projectAt(dirname(file), all, dirname(file)),
    variables: all,
    workingDirectory: dirname(file),
    speak: speaker(undefined),
    interactive: false,
    print: () => {},
    readInput: () => Buffer.alloc(0),
  } as HostContext
}

/** Reads a compose file as commands do that need no value, and with a stand-in for every variable; what went wrong. */
export async function readCompose(
  file: string,
  variables: ReadonlyMap<string, string>,
): Promise<{ readonly plain: string | undefined; readonly marked: boolean; readonly names: number }> {
  const context = contextFor(file, variables)
  try {
    const { sources } = await readStack(context)
    const names = new Set(sources.references.map(({ name }) => name))
    return {
      plain: undefined,
      marked: (await readMarked(context, sources, names)) !== undefined,
      names: names.size,
    }
  } catch (error) {
    return { plain: error instanceof DisintoError ? error.message : String(error), marked: false, names: 0 }
  }
}

/** The values of an env file as the command gets them, and the names that the diagnosis tells. */
export async function readEnv(file: string, home: string) {
  const text = readFileSync(file, 'utf8')
  const { values } = fillReferences((await readDotenv(text)).assignments, home)
  const problems = await diagnoseText(text)
  return { values: [...values], problems }
}
