/** `disinto init`: the files a project begins with; what exists is never touched. */
import { existsSync, lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { readIfThere, readRegular } from '../../load/read.ts'
import { quote } from '../../errors.ts'
import type { HostCommand } from '../cli/command.ts'
import type { HostContext } from '../context.ts'
import { warning } from '../warnings.ts'
import { composeFiles } from '../compose/settings.ts'
import { plainValues } from '../compose/env-files.ts'
import { composeFile, ENV_EXAMPLE, GITIGNORE, ignoredBeside, withEntries } from '../template.ts'
import { writeFile } from '../files/write.ts'
import { failure } from '../errors.ts'

const NEW = { mode: 0o644, over: 'new' } as const

function hasComposeFile(context: HostContext): boolean {
  try {
    return composeFiles(context).length > 0
  } catch {
    return false
  }
}

/** Throws init-link for a link: whoever made it decides what would be read or written behind it. */
function checkNoLink(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true)
    throw failure('init-link', { path })
}

/** Adds the lines that a list of patterns lacks. */
async function addEntries(path: string, entries: readonly string[]): Promise<boolean> {
  checkNoLink(path)
  const before = readIfThere(path)
  const text = withEntries(before?.toString() ?? '', entries)
  if (text === undefined) return false
  await writeFile(path, Buffer.from(text), { mode: 0o644, over: before ?? 'new' })
  return true
}

/** The texts of the Dockerfiles of a project, in its root and one directory below. */
function dockerfilesOf(root: string): string[] {
  const directories = [root]
  for (const entry of readdirSync(root, { withFileTypes: true }))
    if (entry.isDirectory() && !/^(?:\.git|node_modules)$/.test(entry.name))
      directories.push(join(root, entry.name))
  return directories.flatMap((directory) => {
    try {
      return readdirSync(directory, { withFileTypes: true })
        .filter((entry) => entry.isFile() && /(?:^|\.)(?:Docker|Container)file(?:\.|$)/i.test(entry.name))
        .map((entry) => readRegular(join(directory, entry.name)).toString())
    } catch {
      // A directory that can't be read has none that we build.
      return []
    }
  })
}

async function initialize(context: HostContext): Promise<void> {
  const { project, speak } = context
  const at = (name: string) => join(project.root, name)
  if (hasComposeFile(context)) speak.note('there is already a compose file: left as it is')
  else {
    const dockerfile = existsSync(at('Dockerfile.agent'))
    await writeFile(project.composeFile, Buffer.from(composeFile({ dockerfile })), NEW)
    speak.note('wrote docker-compose.yml: services agents and vault-runner')
  }
  if (!existsSync(at('.env.example'))) {
    await writeFile(at('.env.example'), Buffer.from(ENV_EXAMPLE), NEW)
    speak.note('wrote .env.example')
  }
  if (!existsSync(project.plainEnvFile) && !existsSync(project.envFile)) {
    // The example holds no secrets; the copy soon will. What a link leads to may.
    checkNoLink(at('.env.example'))
    await writeFile(project.plainEnvFile, readRegular(at('.env.example')), { mode: 0o600, over: 'new' })
    speak.note('wrote .env from .env.example')
  }
  // Before anyone can commit what was copied.
  const ignored = ignoredBeside(dockerfilesOf(project.root))
  for (const [name, entries] of [
    ['.gitignore', GITIGNORE],
    ['.dockerignore', ignored.entries],
  ] as const) {
    if (await addEntries(at(name), entries)) speak.note(`wrote ${name}: never plaintext, never keys`)
  }
  if (ignored.copied.length > 0) {
    speak.warning({
      code: 'build-copies',
      message: `a Dockerfile copies ${ignored.copied.map(quote).join(', ')} into an image: left out of .dockerignore, so that it still builds`,
      hint: 'mount it instead, then add the line: anyone who has an image can read what is in it',
    })
  }
  // A file of comments has nothing in it yet.
  if ((await plainValues(context)).size > 0 && !existsSync(project.envFile)) {
    speak.warning({
      ...warning('plaintext-env', { path: project.plainEnvFile }),
      hint: 'fill it in, then disinto secrets migrate encrypts it to .env.enc',
    })
  }
}

export const init: HostCommand = {
  name: 'init',
  about: 'write the files a new project needs',
  usage: '',
  details: `docker-compose.yml, .env.example and .env, and the lines that .gitignore and
.dockerignore lack. Existing files are not changed. Needs no key.`,
  examples: ['disinto init', 'disinto --root ~/factory init'],
  options: [],
  here: true,
  words: [0, 0],
  run: async ({ context }) => {
    await initialize(context)
    context.speak.note('next: disinto secrets add NAME, then disinto up')
    return 0
  },
}
