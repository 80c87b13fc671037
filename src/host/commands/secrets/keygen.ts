/** `disinto secrets keygen`: the operator key with .sops.yaml, or the key of a service. */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { quote } from '../../../quote.ts'
import { hasKey } from '../../../sops/master-key.ts'
import { claimPlace } from '../../access/accepted-record.ts'
import { makeRules, namesNewKeyFile, operatorRecipient } from '../../access/first-use.ts'
import { keyAt, ownRecipients, warnOfKeyFiles } from '../../access/keys.ts'
import { findRules } from '../../access/rules.ts'
import type { HostCommand, Invocation } from '../../cli/command.ts'
import { failure } from '../../errors.ts'

async function serviceKey(invocation: Invocation, service: string): Promise<number> {
  const { context, on } = invocation
  const path = context.project.serviceKeyFile(service)
  if (path === undefined) throw failure('home-missing')
  await claimPlace(context)
  const { recipient, made } = await keyAt(path, on('post-quantum'))
  context.speak.note(
    made
      ? `made the key of service ${service}: ${quote(path)}; it opens nothing yet: disinto secrets grant ${service} NAME, or .env.enc`
      : `${quote(path)}: already exists, and is used as it is`,
  )
  report(invocation, { recipient, file: path, made })
  return 0
}

interface Report {
  readonly recipient: string
  readonly file: string | undefined
  readonly made: boolean
}

function report({ context: { print }, on }: Invocation, { recipient, file, made }: Report): void {
  print(on('json') ? `${JSON.stringify({ recipient, file: file ?? null, made })}\n` : `${recipient}\n`)
}

export const keygen: HostCommand = {
  name: 'secrets keygen',
  about: 'make the operator key and .sops.yaml, if there are none',
  usage: '[OPTION ...]',
  details: `The operator key opens everything of a project. It is written as age-keygen
writes it, to where sops looks for it: ~/.config/sops/age/keys.txt, or
SOPS_AGE_KEY_FILE. A key or .sops.yaml that exists is used as it is. Prints the recipient,
the public half, which is no secret.

A project that was moved to another file system, or cloned anew elsewhere, takes the
keys of its services along with --moved-from, where they are asked for.`,
  examples: [
    'disinto secrets keygen',
    'disinto secrets keygen --service agents',
    'disinto secrets keygen --json | jq -r .recipient',
  ],
  options: [
    {
      name: 'service',
      value: 'NAME',
      about: 'make the key of a service instead, which opens what it is granted',
    },
    {
      name: 'moved-from',
      value: 'DIR',
      about: 'take along the keys of the services of this project, which was in DIR',
    },
    { name: 'post-quantum', about: 'a key that resists quantum computers (age-keygen -pq)' },
    { name: 'json', about: 'print recipient, file and whether it is new, as JSON' },
  ],
  words: [0, 0],
  changes: true,
  run: async (invocation) => {
    const { context, on, text } = invocation
    const [service, from] = [text('service'), text('moved-from')]
    if (from !== undefined) await claimPlace(context, resolve(context.workingDirectory, from))
    if (service !== undefined) return serviceKey(invocation, service)
    const { project, speak } = context
    const { recipient, made } = await operatorRecipient(context, {
      postQuantum: on('post-quantum'),
      anew: namesNewKeyFile(context),
    })
    if (!made) {
      speak.note('there is already a key, which is used as it is')
      warnOfKeyFiles(context)
    }
    const rules = await findRules(project.root)
    if (rules === undefined) await makeRules(context, recipient)
    else {
      const own = await ownRecipients(context)
      if (!rules.rules.some(({ recipients }) => own.some((one) => hasKey(recipients, one))))
        speak.warning({
          code: 'key-in-no-rule',
          message: `${quote(rules.path)}: names no key of yours, so you will not be able to open new secrets`,
          hint: `someone who can open them can add you: disinto secrets recipients add ${recipient}`,
        })
    }
    // A key from elsewhere, SOPS_AGE_KEY for example, is in no file of ours.
    const file = project.operatorKeyFile
    const kept = file !== undefined && existsSync(file) ? file : undefined
    report(invocation, { recipient, file: kept, made })
    return 0
  },
}
