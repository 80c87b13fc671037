/** `disinto secrets grants`: which service was granted what. */
import { quote } from '../../../quote.ts'
import type { HostCommand } from '../../cli/command.ts'
import { type GrantState, grantsOf, nameFor } from '../../store/grants.ts'

const TOLD: Readonly<Record<GrantState, string>> = {
  granted: '',
  locked: '(granted by .sops.yaml, but not encrypted to it: disinto secrets grant)',
  absent: '(granted by .sops.yaml, but there is no such file)',
  unaccepted: '(by a rule that nobody has accepted on this machine)',
  stray: '(can open it, but no rule for this file says so)',
}

export const grants: HostCommand = {
  name: 'secrets grants',
  about: 'show which service was granted which secrets',
  usage: '[OPTION ...]',
  details: `Needs no key but those of the services: grants are in .sops.yaml, and each file
lists the keys it is encrypted to. A mark shows where the two differ.`,
  examples: ['disinto secrets grants', 'disinto secrets grants --json | jq -r ".[].service"'],
  options: [{ name: 'json', about: 'JSON: service, name, file, state' }],
  words: [0, 0],
  run: async ({ context, on }) => {
    const { project, print, speak } = context
    const rows = (await grantsOf(context)).map(({ service, secret, path, state }) => ({
      service,
      name: nameFor(secret),
      file: path.slice(project.root.length + 1),
      state,
    }))
    if (on('json')) {
      print(`${JSON.stringify(rows, null, 2)}\n`)
      return 0
    }
    if (rows.length === 0) speak.note('no service was granted anything: disinto secrets grant SERVICE NAME')
    let before = ''
    for (const { service, file, state } of rows) {
      if (service !== before) print(`${quote(service)}:\n`)
      before = service
      print(`    ${`${quote(file)}  ${TOLD[state]}`.trimEnd()}\n`)
    }
    return 0
  },
}
