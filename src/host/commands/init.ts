/** `disinto init`: the files a project begins with; what exists is never touched. */
import { existsSync, lstatSync, mkdirSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { readIfThere, readRegular } from '../../load/read.ts'
import { quote } from '../../quote.ts'
import type { HostCommand } from '../cli/command.ts'
import { plainValues } from '../compose/env-files.ts'
import { serviceNames } from '../compose/service-names.ts'
import { composeFiles } from '../compose/settings.ts'
import type { HostContext } from '../context.ts'
import { failure } from '../errors.ts'
import { writeFile } from '../files/write.ts'
import { PROXY, PROXY_FILES } from '../proxy-template.ts'
import { composeFile, ENV_EXAMPLE, GITIGNORE, ignoredBeside, withEntries } from '../template.ts'
import { warning } from '../warnings.ts'

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

/** The texts of the Dockerfiles of a project that are others', in its root and one directory below. */
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
        .filter((text) => text !== PROXY_FILES.get('proxy/Dockerfile')?.text)
    } catch {
      // A directory that can't be read has none that we build.
      return []
    }
  })
}

/** Writes the files of the proxy, those that are not there. */
async function writeProxy({ project, speak }: HostContext): Promise<void> {
  for (const [name, { text, mode }] of PROXY_FILES) {
    const path = join(project.root, name)
    checkNoLink(dirname(path))
    if (existsSync(path)) {
      speak.note(`there is already ${name}: left as it is`)
      continue
    }
    mkdirSync(dirname(path), { recursive: true })
    await writeFile(path, Buffer.from(text), { mode, over: 'new' })
    speak.note(`wrote ${name}`)
  }
}

/** Whether a stack has the proxy already: its service, and not only one of that name, as a forge of its own may have. */
async function hasProxy(context: HostContext): Promise<boolean> {
  const { root } = context.project
  const some = [...PROXY_FILES.keys()].some((name) => existsSync(join(root, name)))
  return some && (await serviceNames(context)).includes(PROXY)
}

async function writeComposeFile(context: HostContext, proxy: boolean): Promise<void> {
  const { project, speak } = context
  if (hasComposeFile(context)) {
    if (proxy && !(await hasProxy(context))) throw failure('init-proxy', { path: project.composeFile })
    speak.note('there is already a compose file: left as it is')
    return
  }
  const dockerfile = existsSync(join(project.root, 'Dockerfile.agent'))
  await writeFile(project.composeFile, Buffer.from(composeFile({ dockerfile, proxy })), NEW)
  speak.note(`wrote docker-compose.yml: services agents${proxy ? `, ${PROXY}` : ''} and vault-runner`)
}

async function initialize(context: HostContext, proxy: boolean): Promise<void> {
  const { project, speak } = context
  const at = (name: string) => join(project.root, name)
  await writeComposeFile(context, proxy)
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
  // After what leaves Dockerfiles of others out.
  if (proxy) await writeProxy(context)
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
  usage: '[OPTION]',
  details: `docker-compose.yml, .env.example and .env, and the lines that .gitignore and
.dockerignore lack. Existing files are not changed. Needs no key.

With --with-proxy the stack has a service that adds FORGE_TOKEN to what the agents
ask of the forge, and lets nothing else through: they use it and can't read it.`,
  examples: ['disinto init', 'disinto --root ~/factory init'],
  options: [{ name: 'with-proxy', about: 'a service that uses FORGE_TOKEN for the agents (docs/proxy.md)' }],
  here: true,
  words: [0, 0],
  run: async ({ context, on }) => {
    const proxy = on('with-proxy')
    await initialize(context, proxy)
    context.speak.note(
      proxy
        ? 'next: FORGE_URL in docker-compose.yml, disinto secrets add FORGE_TOKEN, disinto secrets grant forge FORGE_TOKEN, then disinto up'
        : 'next: disinto secrets add NAME, then disinto up',
    )
    return 0
  },
}
