/** `disinto secrets add`: a value from a prompt, a pipe or a file to a secret file of its own. */
import { existsSync, mkdirSync } from 'node:fs'
import { errnoOf } from '../../../errors.ts'
import { checkSecretName, partsOfName } from '../../../load/names.ts'
import { readIfThere } from '../../../load/read.ts'
import { quote } from '../../../quote.ts'
import { ensureRules } from '../../access/first-use.ts'
import { warnOfKeyFiles } from '../../access/keys.ts'
import type { HostCommand, Invocation } from '../../cli/command.ts'
import { sayWhatIsOdd } from '../../cli/oddities.ts'
import { confirmed } from '../../cli/prompt.ts'
import { secretNameOf } from '../../cli/secret-name.ts'
import { readValue, VALUE_OPTIONS } from '../../cli/value.ts'
import type { HostContext } from '../../context.ts'
import { failure } from '../../errors.ts'
import { checkUnlinked } from '../../files/write.ts'
import { checkDue, DUE_OPTION, dayGiven, setDueOfNew } from '../../store/due.ts'
import { grantFiles } from '../../store/grant-files.ts'
import { envSource, outsideOf, secretSource } from '../../store/inventory.ts'
import { allowed } from '../../store/open.ts'
import { prepareSealed } from '../../store/seal.ts'

async function mayOverwrite(name: string, path: string, { context, on }: Invocation): Promise<boolean> {
  if (on('force')) return true
  return confirmed(context, `${quote(path)} exists: replace ${name}?`, '--force')
}

function makeSecretsDirectory({ project }: HostContext): void {
  try {
    mkdirSync(project.secretsDir, { recursive: true })
  } catch (error) {
    throw failure('write-failed', { path: project.secretsDir, reason: errnoOf(error) })
  }
}

async function noteIfInEnvFile({ project, speak }: HostContext, name: string): Promise<void> {
  if (!existsSync(project.envFile)) return
  if ((await outsideOf(envSource(project))).names.includes(name))
    speak.note(
      `${name} is in .env.enc, too: the agents keep that value (disinto secrets set ${name} changes it), and whoever can open both files gets this one`,
    )
}

/** The name to add: NAME, or NAME@SERVICE for one service. Throws service-name, no-key-place. */
function nameToAdd({ context, words, text }: Invocation): string {
  const name = secretNameOf(words[0] ?? '', 'secrets add', context)
  const service = text('for')
  if (service === undefined) return name
  if (context.project.serviceKeyFile(service) === undefined) throw failure('no-key-place')
  return `${partsOfName(name)?.name ?? name}@${service}`
}

export const add: HostCommand = {
  name: 'secrets add',
  about: 'store a secret in a file of its own',
  usage: 'NAME [OPTION ...]',
  details: `Asks for the value on a terminal, hidden; in a pipe it reads standard input as
it is, without one final newline. The value is never an argument: those show in ps and
in the shell's history. Writes secrets/NAME.enc, a SOPS JSON file for the recipients that
.sops.yaml names. With --for it is another value of NAME for one
service of the stack, in secrets/NAME@SERVICE.enc, and granted to it.`,
  examples: [
    'disinto secrets add CLAWHUB_TOKEN',
    'pass show clawhub | disinto secrets add CLAWHUB_TOKEN',
    'disinto secrets add CLAWHUB_TOKEN --due 2027-01-31',
    'disinto secrets add FORGE_TOKEN --for qwen',
    'disinto secrets add DEPLOY_KEY --from-file ~/.ssh/deploy --raw',
  ],
  options: [
    ...VALUE_OPTIONS,
    DUE_OPTION,
    { name: 'force', about: 'replace a secret without asking' },
    { name: 'for', value: 'SERVICE', about: 'a value for this service only, which gets it as NAME' },
    { name: 'allow', value: 'NAME', about: 'allow a refused name, as the shim does' },
  ],
  words: [1, 1],
  completes: ['secret'],
  changes: true,
  run: async (invocation) => {
    const { context, texts, text } = invocation
    const { project, speak } = context
    const name = nameToAdd(invocation)
    if (name === 'sops') throw failure('name-kept', { name })
    const dueText = text('due')
    const due = dueText === undefined ? undefined : dayGiven(dueText, 'secrets add')
    const source = secretSource(project, name)
    checkSecretName(name, source.path, allowed(context.variables, texts('allow')))
    checkUnlinked(project.root, source.path)
    checkDue(project, name, due)
    const before = readIfThere(source.path)
    // Before the prompt: who is not going to overwrite it should not have to type it.
    if (before !== undefined && !(await mayOverwrite(name, source.path, invocation))) {
      throw failure('interrupted-nothing')
    }
    const value = await readValue(name, source.path, invocation)
    const rules = await ensureRules(context)
    // Before the directory is made: without a rule nothing will be in it.
    rules.for(source.path)
    makeSecretsDirectory(context)
    const sealed = await prepareSealed(
      context,
      { kind: 'json', entries: [[name, value.reveal()]] },
      { source, rules },
      before ?? 'new',
    )
    sealed.commit()
    speak.note(`${quote(source.path)}: ${before === undefined ? 'added' : 'replaced'}`)
    if (!sealed.opened)
      speak.note('no key here opens it: it is encrypted to other people, and was not tested')
    await setDueOfNew(context, name, due)
    sayWhatIsOdd(context, name, value)
    warnOfKeyFiles(context)
    const service = partsOfName(name)?.service
    if (service === undefined) await noteIfInEnvFile(context, name)
    else await grantFiles(context, service, [name])
    return 0
  },
}
