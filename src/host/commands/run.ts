/** `disinto run`: the shim, for a command on this machine. */
import { realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { becomeCommand } from '../../handover/exec.ts'
import { canExecve } from '../../handover/runtime.ts'
import type { HostCommand, Invocation } from '../cli/command.ts'
import { failure } from '../errors.ts'
import { runAttached } from '../process.ts'

/** The bundle of the shim, which stands beside our own. */
const shim = (): string => join(dirname(realpathSync(process.argv[1] ?? '')), 'entrypoint.js')

async function runShim({ context, words, rest }: Invocation): Promise<number> {
  if (rest.length === 0 && words.every((word) => word.startsWith('-')) && !words.includes('--check'))
    throw failure('words-missing', { command: run.name, usage: run.usage })
  const { project, variables, workingDirectory } = context
  // Its own --root, given behind this one, counts.
  const given = ['--root', project.root, ...words, ...(rest.length === 0 ? [] : ['--', ...rest])]
  // The warning would be about execve.
  const all = ['--disable-warning=ExperimentalWarning', '--', shim(), ...given]
  if (canExecve()) becomeCommand(process.execPath, [process.execPath, ...all], variables)
  return runAttached(process.execPath, all, { cwd: workingDirectory, environment: variables })
}

export const run: HostCommand = {
  name: 'run',
  about: 'run a command with the secrets in its environment',
  usage: '[OPTION OF THE SHIM ...] -- COMMAND [ARGUMENT ...]',
  details: `Opens .env.enc and secrets/*.enc of the project with the keys at hand, in memory, and
becomes COMMAND with their values in its environment: the shim, as in the image. Its
options: --only A,B, --require A,B, --verbose, --check and others (docs/reference-shim.md).
Exit status: the command's own; 125 when the secrets could not be loaded.`,
  examples: [
    'disinto run -- npm test',
    'disinto run --only FORGE_TOKEN -- ./publish.sh',
    'disinto run --check',
  ],
  options: [],
  ownNames: true,
  words: [0, Number.POSITIVE_INFINITY],
  passesOn: true,
  stopEarly: true,
  takesRest: true,
  run: runShim,
}
