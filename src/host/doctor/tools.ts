/** The programs we may need, and their versions. */
import { capture } from '../../child.ts'
import { asDisintoError, errnoOf } from '../../errors.ts'
import { canExecve } from '../../handover/runtime.ts'
import { checkEngine } from '../compose/docker.ts'
import type { HostContext } from '../context.ts'
import { type Finding, findingOf } from '../finding.ts'

/** Name, words that make it tell its version, and what is missing without it. */
const TOOLS: ReadonlyArray<readonly [name: string, words: readonly string[], without: string | undefined]> = [
  ['docker', ['--version'], 'up, down, shell and vault-run need it, and doctor for the compose file'],
  [
    'docker compose',
    ['version', '--short'],
    'up, down, shell and vault-run need it, and doctor for the compose file',
  ],
  ['sops', ['--version', '--disable-version-check'], undefined],
  ['age', ['--version'], undefined],
  ['git', ['--version'], undefined],
]

async function versionOf(
  context: HostContext,
  name: string,
  words: readonly string[],
): Promise<string | undefined> {
  const [program = name, ...first] = name.split(' ')
  try {
    const ended = await capture(program, [...first, ...words], {
      environment: context.variables,
      cwd: context.project.root,
    })
    const text = ended.stdout.toString()
    return ended.status === 0 ? (/\d+\.\d+[\w.+~-]*/.exec(text)?.[0] ?? 'unknown version') : undefined
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'EACCES') return undefined
    throw asDisintoError(error)
  }
}

/** Examines the tools; each found one is a note with its version. */
export async function examineTools(context: HostContext): Promise<Finding[]> {
  const findings: Finding[] = [
    {
      code: 'tool',
      severity: 'note',
      message: `node ${process.versions.node}${canExecve() ? '' : ' (outside the image, the shim stays as the parent of its command; Node 26 becomes it)'}`,
    },
  ]
  const versions = await Promise.all(TOOLS.map(([name, words]) => versionOf(context, name, words)))
  for (const [at, [name, , without]] of TOOLS.entries()) {
    const version = versions[at]
    if (version !== undefined)
      findings.push({ code: 'tool', severity: 'note', message: `${name} ${version}` })
    else if (without === undefined) {
      findings.push({
        code: 'tool-absent',
        severity: 'note',
        message: `${name}: not installed; not needed for what disinto writes`,
      })
    } else
      findings.push({
        code: 'tool-absent',
        severity: 'warning',
        message: `${name}: not found: ${without}`,
        hint: 'https://docs.docker.com/engine/install/',
      })
  }
  if (versions[0] !== undefined) {
    try {
      findings.push({
        code: 'tool',
        severity: 'note',
        message: `Docker Engine ${await checkEngine(context)}`,
      })
    } catch (error) {
      findings.push(findingOf(error, 'warning'))
    }
  }
  return findings
}
