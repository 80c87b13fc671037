/** `disinto help`: all commands, those of a group, or one. */
import type { HostCommand } from '../cli/command.ts'
import { groupHelp, helpOf, namesUnder, unknownCommand } from '../cli/help.ts'

export const help: HostCommand = {
  name: 'help',
  about: 'show the commands, or help on one',
  usage: '[COMMAND ...]',
  examples: ['disinto help', 'disinto help secrets', 'disinto help secrets add'],
  options: [],
  here: true,
  words: [0, Number.POSITIVE_INFINITY],
  completes: ['command'],
  run: async ({ words, context, commands }) => {
    const name = words.join(' ')
    const command = await commands.get(name)?.()
    if (command !== undefined) context.print(helpOf(command))
    else if (namesUnder(commands, name).length > 0) context.print(await groupHelp(commands, name))
    else throw unknownCommand(commands, words)
    return 0
  },
}
