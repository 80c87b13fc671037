/** `disinto secrets rotate-key`: a new key in place of the operator's, or a service's. */
import { readFileSync } from 'node:fs'
import { errnoOf } from '../../../errors.ts'
import type { Source } from '../../../nouns.ts'
import { quote } from '../../../quote.ts'
import { hasKey, keysWithout } from '../../../sops/master-key.ts'
import { makeKeyDirectory, newKey, ownRecipients, recipientsOfFile } from '../../access/keys.ts'
import { rulesOf } from '../../access/rules.ts'
import { changeKeys } from '../../access/rules-edit.ts'
import type { HostCommand, Invocation } from '../../cli/command.ts'
import { failure } from '../../errors.ts'
import { writeFile } from '../../files/write.ts'
import { ensureAccepted } from '../../store/consent.ts'
import { sayDueForChange } from '../../store/due-for-change.ts'
import { inventory, outsideOf } from '../../store/inventory.ts'
import { withOnlyIdentity } from '../../store/open.ts'
import { reencrypt } from '../../store/reencrypt.ts'

function textOf(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw failure('key-unusable', { place: path, reason: errnoOf(error) })
  }
}

/** Where the key is that is to be replaced, and its recipients. */
async function replaced({ context, text }: Invocation): Promise<{ path: string; recipients: string[] }> {
  const service = text('service')
  const path =
    service === undefined ? context.project.operatorKeyFile : context.project.serviceKeyFile(service)
  if (path === undefined) throw failure('home-missing')
  if (service === undefined) return { path, recipients: await ownRecipients(context) }
  const recipients = await recipientsOfFile(path)
  if (recipients === undefined) throw failure('file-missing', { path })
  return { path, recipients }
}

/** The new key before the old one in their file: at every instant what is in it opens every file there is. */
async function putFirst(path: string, key: string, old: Buffer | undefined): Promise<void> {
  makeKeyDirectory(path)
  const note = `# replaced ${new Date().toISOString().slice(0, 10)}; opens what git's history and other projects still hold\n`
  const text = old === undefined ? key : `${key}${note}${old.toString()}`
  await writeFile(path, Buffer.from(text), { over: old ?? 'new' })
}

export const rotateKey: HostCommand = {
  name: 'secrets rotate-key',
  about: 'replace a key, and encrypt every file again',
  usage: '[OPTION ...]',
  details: `Makes a new key, puts its recipient in place of the old one in .sops.yaml, and
encrypts every file again, with new data keys. All new files are written and opened before
the first one is put in place, so either every file is changed or none. The old operator key
is kept after the new one in its file, as other projects may need it. The values stay the
same. Whoever had the old key may have read them, so change them at their issuers; they are
listed.`,
  examples: ['disinto secrets rotate-key', 'disinto secrets rotate-key --service agents'],
  options: [
    { name: 'service', value: 'NAME', about: 'the key of a service, instead of the operator’s' },
    { name: 'post-quantum', about: 'a key that resists quantum computers (age-keygen -pq)' },
  ],
  words: [0, 0],
  changes: true,
  run: async (invocation) => {
    const { context, on, text } = invocation
    const { project, speak, variables } = context
    const old = await rulesOf(project.root)
    const { path, recipients } = await replaced(invocation)
    const { text: key, recipient } = await newKey(on('post-quantum'))
    const sources = inventory(project)
    await ensureAccepted(context, old, 'all')
    const isOld = (named: readonly string[]) => recipients.some((one) => hasKey(named, one))
    const [first] = recipients
    const rules = await changeKeys(
      old,
      ({ groups }) =>
        groups.map((keys) => (isOld(keys) ? [recipient, ...keysWithout(keys, recipients)] : keys)),
      first === undefined ? undefined : { old: first, now: recipient },
    )
    if (rules.text === old.text) throw failure('key-not-ours', { config: old.path })
    const known: Source[] = []
    for (const source of sources) if (isOld((await outsideOf(source)).recipients)) known.push(source)
    await reencrypt(context, old, sources, {
      rules,
      own: [],
      given: (file) => (isOld(file.recipients) ? [recipient] : []),
      opener: { recipient, variables: withOnlyIdentity(variables, key) },
      // What is in the key file opens every file there is, at every instant.
      ready: () => putFirst(path, key, textOf(path)),
    })
    if (text('service') === undefined) {
      speak.note(
        `made a new operator key in ${quote(path)}: back this file up now, as nothing opens without it`,
      )
      speak.note('test the backup with: disinto secrets verify --key BACKUP')
    } else {
      // Nothing of this project needs the old one now, and a service has no other.
      await writeFile(path, Buffer.from(key))
      speak.note(`made a new key in ${quote(path)}: restart the service (disinto up) so that it gets it`)
    }
    if (known.length > 0) {
      speak.note('values are as they were; if the old key leaked, change these at their issuers:')
      await sayDueForChange(context, known)
    }
    return 0
  },
}
