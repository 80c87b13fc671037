/** `disinto version`. */
import type { HostCommand } from '../cli/command.ts'

declare const DISINTO_VERSION: string

export const version: HostCommand = {
  name: 'version',
  about: 'show the version',
  usage: '',
  examples: ['disinto version'],
  options: [],
  here: true,
  words: [0, 0],
  run: async ({ context }) => {
    context.print(`disinto ${DISINTO_VERSION}\n`)
    return 0
  },
}
