/** The stack as the engine knows it, for when its files can't be read. */
import type { HostContext } from '../context.ts'
import { failure } from '../errors.ts'
import { linesOfDocker, runDocker } from './docker.ts'

const LABEL = 'com.docker.compose'

/** The name of the project whose containers were made from this directory. Throws project-unclear for several. */
export async function projectInEngine(context: HostContext): Promise<string> {
  const { project, variables } = context
  const named = variables.get('COMPOSE_PROJECT_NAME')
  if (named !== undefined && named !== '') return named
  const format = `{{.Label "${LABEL}.project"}}`
  const filter = `label=${LABEL}.project.working_dir=${project.root}`
  const words = ['ps', '--all', '--filter', filter, '--format', format]
  const names = [...new Set(await linesOfDocker(context, words))]
  if (names.length > 1) throw failure('project-unclear', { root: project.root, names })
  return names[0] ?? project.name
}

/**
 * Runs a command of compose that asks the engine alone, with the project's name and no file. From a directory and
 * with variables in which compose finds none either.
 */
export function runByName(context: HostContext, name: string, words: readonly string[]): Promise<number> {
  const variables = new Map(
    [...context.variables].filter(([variable]) => !/^COMPOSE_(?:FILE|ENV_FILES)$/.test(variable)),
  )
  const project = { ...context.project, root: '/' }
  return runDocker({ ...context, variables, project }, [
    'compose',
    '--env-file',
    '/dev/null',
    '--project-name',
    name,
    ...words,
  ])
}

export interface Container {
  readonly id: string
  readonly service: string
  /** `running`, `exited`, `restarting`, … */
  readonly state: string
  /** The stamp of the env file that it was made with; empty when it was made without our mounts. */
  readonly stamp: string
  /** The same of the files that its service was granted. */
  readonly secrets: string
  /** Whether its service starts when another is healthy, or has ended. */
  readonly waits: boolean
}

/** The containers of a project, running or not; those of single runs are none of the stack. Throws engine-silent. */
export async function containersOf(context: HostContext, name: string): Promise<Container[]> {
  const filters = ['project', 'oneoff'].map(
    (key) => `label=${LABEL}.${key}=${key === 'project' ? name : 'False'}`,
  )
  const format = `{{.ID}}\t{{.Label "${LABEL}.service"}}\t{{.State}}\t{{.Label "disinto.env-file"}}\t{{.Label "disinto.secrets"}}\t{{.Label "${LABEL}.depends_on"}}`
  const words = ['ps', '--all', ...filters.flatMap((filter) => ['--filter', filter]), '--format', format]
  return (await linesOfDocker(context, words)).map((line) => {
    const [id = '', service = '', state = '', stamp = '', secrets = '', others = ''] = line.split('\t')
    const waits = /:service_(?:healthy|completed_successfully)\b/.test(others)
    return { id, service, state, stamp, secrets, waits }
  })
}
