/** `disinto secrets show`: one value, to standard output. */
import { existsSync } from 'node:fs'
import { textOf } from '../../../load/dotenv.ts'
import { partsOfName } from '../../../load/names.ts'
import { read } from '../../../load/read.ts'
import type { HostCommand } from '../../cli/command.ts'
import { isEnvFile, secretNameOf } from '../../cli/secret-name.ts'
import { failure } from '../../errors.ts'
import { findSecret } from '../../store/find.ts'
import { envSource } from '../../store/inventory.ts'
import { allowed, entriesAt, openWith, plaintextOf } from '../../store/open.ts'
import { isTerminal } from '../../terminal.ts'

export const show: HostCommand = {
  name: 'secrets show',
  about: 'print the value of a secret',
  usage: 'NAME|.env.enc [OPTION ...]',
  details: `Prints the value to standard output, with a final newline on a terminal and in
a pipe, unless --raw. For .env.enc, prints the whole text.`,
  examples: [
    'disinto secrets show CLAWHUB_TOKEN',
    'disinto secrets show DEPLOY_KEY --raw | ssh-add -',
    'disinto secrets show .env.enc',
  ],
  options: [{ name: 'raw', about: 'the exact bytes, with no newline added' }],
  words: [1, 1],
  completes: ['secret-or-env-file'],
  run: async ({ context, words, on }) => {
    const { project, write, variables, speak } = context
    const word = words[0] ?? ''
    const open = openWith(context)
    if (isEnvFile(word, context)) {
      if (!existsSync(project.envFile)) throw failure('env-file-missing', { path: project.envFile })
      const plaintext = await plaintextOf(read(envSource(project)), open)
      if (plaintext.kind === 'values')
        write(plaintext.values.map(([key, value]) => `${key}=${value}\n`).join(''))
      else write((plaintext.kind === 'items' ? textOf(plaintext.items) : plaintext.bytes).toString())
      return 0
    }
    const name = secretNameOf(word, 'secrets show', context)
    const source = await findSecret(project, name)
    const entries = await entriesAt(
      source,
      open,
      new Set([...allowed(variables), partsOfName(name)?.name ?? name]),
    )
    const entry = entries.findLast((one) => one.name === name)
    if (entry === undefined) throw failure('secret-missing', { name, near: undefined })
    write(`${entry.value.reveal()}${on('raw') ? '' : '\n'}`)
    if (isTerminal(1)) speak.note('shown in plaintext: mind who sees this screen and its scrollback')
    return 0
  },
}
