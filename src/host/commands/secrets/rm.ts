/** `disinto secrets rm`: removes the file of a secret, or a name from .env.enc. */
import { rmSync } from 'node:fs'
import { errnoOf } from '../../../errors.ts'
import type { Source } from '../../../nouns.ts'
import { quote } from '../../../quote.ts'
import type { HostCommand, Invocation } from '../../cli/command.ts'
import { confirmed } from '../../cli/prompt.ts'
import { secretNameOf } from '../../cli/secret-name.ts'
import { failure } from '../../errors.ts'
import { checkWithin, syncDirectory } from '../../files/write.ts'
import { setDue } from '../../store/due.ts'
import { followers, openEnvFile, sayRestartIsDue, withoutValue, writeEnvFile } from '../../store/env-file.ts'
import { allNames, findSecret } from '../../store/find.ts'

/** Removes a name from .env.enc, and nothing else. */
async function removeFromEnvFile(name: string, { context, on }: Invocation): Promise<void> {
  const { project, speak } = context
  const file = await openEnvFile(context)
  const content = withoutValue(file.content, name)
  const others = await followers(file.content, content, new Set([name]))
  const told = others.length === 0 ? '' : ` ${others.map(quote).join(', ')} refer to it.`
  if (!on('force') && !(await confirmed(context, `Remove ${name} from .env.enc?${told}`, '--force')))
    throw failure('interrupted-nothing')
  await writeEnvFile(context, file, content)
  speak.note(`${quote(project.envFile)}: ${name} removed; ${REVOKE}`)
  if (others.length > 0) speak.note(`still refer to it: ${others.map(quote).join(', ')}`)
  sayRestartIsDue(context)
}

async function removeFile({ path }: Source, name: string, { context, on }: Invocation): Promise<void> {
  const { project, speak } = context
  // A link in the place of the file goes, and nothing else; one in the place of its directory has files of others.
  checkWithin(project.root, project.secretsDir)
  if (!on('force') && !(await confirmed(context, `Remove ${quote(path)}?`, '--force')))
    throw failure('interrupted-nothing')
  try {
    rmSync(path)
    syncDirectory(project.secretsDir)
  } catch (error) {
    throw failure('write-failed', { path, reason: errnoOf(error) })
  }
  speak.note(`${quote(path)}: removed; ${REVOKE}`)
  if ((await allNames(project)).includes(name))
    speak.note(`.env.enc has ${name}, too: disinto secrets rm ${name} once more removes it there`)
}

const REVOKE = 'revoke the value at its issuer if nobody should use it any more'

export const rm: HostCommand = {
  name: 'secrets rm',
  about: 'remove a secret',
  usage: 'NAME [OPTION ...]',
  details: `Removes secrets/NAME.enc, or, if there is no such file, the name from .env.enc; all
other lines there stay as they are. What was committed stays in git's history,
encrypted to whoever could open it: if a secret must not be used again, revoke it at its
issuer.`,
  examples: ['disinto secrets rm CLAWHUB_TOKEN', 'disinto secrets rm CLAWHUB_TOKEN --force'],
  options: [{ name: 'force', about: 'do not ask' }],
  words: [1, 1],
  completes: ['secret'],
  changes: true,
  run: async (invocation) => {
    const { context, words } = invocation
    const name = secretNameOf(words[0] ?? '', 'secrets rm', context)
    const source = await findSecret(context.project, name)
    if (source.role === 'secret') await removeFile(source, name, invocation)
    else await removeFromEnvFile(name, invocation)
    if (!(await allNames(context.project)).includes(name)) await setDue(context, name, undefined)
    return 0
  },
}
