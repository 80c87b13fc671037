/** `disinto version`. */
import { VERSION } from '../../version.ts'
import type { HostCommand } from '../cli/command.ts'

export const version: HostCommand = {
  name: 'version',
  about: 'show the version',
  usage: '',
  examples: ['disinto version'],
  options: [],
  here: true,
  words: [0, 0],
  run: async ({ context }) => {
    context.print(`disinto ${VERSION}\n`)
    return 0
  },
}
