/** `disinto secrets set`: one value in .env.enc, from a prompt, a pipe or a file. */

import { checkValue } from '../../../load/decrypt.ts'
import { checkName } from '../../../load/names.ts'
import { quote } from '../../../quote.ts'
import type { HostCommand } from '../../cli/command.ts'
import { sayWhatIsOdd } from '../../cli/oddities.ts'
import { confirmed } from '../../cli/prompt.ts'
import { secretNameOf } from '../../cli/secret-name.ts'
import { readValue, VALUE_OPTIONS } from '../../cli/value.ts'
import { failure } from '../../errors.ts'
import { checkDue, DUE_OPTION, dayGiven, setDueOfNew } from '../../store/due.ts'
import {
  followers,
  namesIn,
  openEnvFile,
  sayRestartIsDue,
  withValue,
  writeEnvFile,
} from '../../store/env-file.ts'
import { secretNames } from '../../store/inventory.ts'
import { allowed } from '../../store/open.ts'

export const set: HostCommand = {
  name: 'secrets set',
  about: 'set one value in .env.enc',
  usage: 'NAME [OPTION ...]',
  details: `Takes the value as secrets add does: hidden on a terminal, else from standard
input, never as an argument. All other lines of .env.enc stay as they are, with comments and
order, and the same keys can open it. A value that no line of it can hold is refused;
secrets add NAME stores any value.`,
  examples: ['disinto secrets set FORGE_TOKEN', 'pass show forge | disinto secrets set FORGE_TOKEN --force'],
  options: [
    ...VALUE_OPTIONS,
    DUE_OPTION,
    { name: 'force', about: 'replace a value without asking' },
    { name: 'allow', value: 'NAME', about: 'allow a refused name, as the shim does' },
  ],
  words: [1, 1],
  completes: ['env-name'],
  changes: true,
  run: async (invocation) => {
    const { context, on, texts, text } = invocation
    const { project, speak } = context
    const name = secretNameOf(invocation.words[0] ?? '', 'secrets set', context)
    if (name === 'sops' || name.startsWith('sops_')) throw failure('name-kept', { name })
    const dueText = text('due')
    const due = dueText === undefined ? undefined : dayGiven(dueText, 'secrets set')
    checkName(name, project.envFile, allowed(context.variables, texts('allow')))
    checkDue(project, name, due)
    const file = await openEnvFile(context)
    const isThere = namesIn(file.content).has(name)
    if (isThere && !on('force')) {
      const question = `${name} is in .env.enc: replace its value?`
      if (!(await confirmed(context, question, '--force'))) throw failure('interrupted-nothing')
    }
    const value = await readValue(name, project.envFile, invocation)
    checkValue(name, value.reveal(), project.envFile)
    const content = await withValue(file.content, name, value.reveal())
    const others = await followers(file.content, content, new Set([name]))
    await writeEnvFile(context, file, content)
    speak.note(`${quote(project.envFile)}: ${name} ${isThere ? 'replaced' : 'added'}`)
    if (others.length > 0) speak.note(`also changed, as they refer to it: ${others.map(quote).join(', ')}`)
    if (secretNames(project).includes(name))
      speak.note(
        `${quote(project.secretFile(name))} holds ${name}, too: whoever can open both gets that value`,
      )
    await setDueOfNew(context, name, due)
    sayWhatIsOdd(context, name, value)
    sayRestartIsDue(context)
    return 0
  },
}
