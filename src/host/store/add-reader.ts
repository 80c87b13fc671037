/** One more reader for a file: its data key once more, and nothing else in it changes. */
import { isDeepStrictEqual } from 'node:util'
import { AgeFault } from '../../age/fault.ts'
import { sealAgeFile } from '../../age/file.ts'
import { readKeyring } from '../../age/sources.ts'
import { DisintoError } from '../../errors.ts'
import type { Document } from '../../nouns.ts'
import { appendAgeKey } from '../../sops/add-recipient.ts'
import { dataKeyOf } from '../../sops/builtin.ts'
import { SopsFault } from '../../sops/fault.ts'
import { areSameKeys } from '../../sops/master-key.ts'
import type { Outside } from '../../sops/outside.ts'
import { ownRecipients } from '../access/keys.ts'
import type { CreationRules } from '../access/rules.ts'
import type { HostContext } from '../context.ts'
import { failure } from '../errors.ts'
import { checkUnlinked, type Prepared, prepareFile } from '../files/write.ts'
import { audienceOfFile, sopsConfigFor } from './audience.ts'
import { readOutsideOf } from './inventory.ts'
import { openWith } from './open.ts'
import { checkReaders } from './proved-readers.ts'
import { rekeyBySops } from './sops-encrypt.ts'

interface Wanted {
  readonly document: Document
  readonly outside: Outside
  readonly recipient: string
  readonly rules: CreationRules
}

/** The file with its data key wrapped for one more recipient; nothing else in it changes. Throws readers-unaddable. */
async function withRecipient(
  { variables, workingDirectory }: HostContext,
  { source, bytes, format }: Document,
  outside: Outside,
  recipient: string,
): Promise<Buffer> {
  if (format === 'age' || format === 'plaintext') throw failure('source-not-encrypted', source)
  const { identities } = await readKeyring(variables, workingDirectory)
  try {
    const dataKey = await dataKeyOf({ keys: outside.ageKeys }, identities)
    const enc = await sealAgeFile(dataKey, [recipient], { armored: true })
    return await appendAgeKey(bytes, format, { recipient, enc: enc.toString('latin1') })
  } catch (error) {
    if (error instanceof SopsFault || error instanceof AgeFault)
      throw failure('readers-unaddable', { path: source.path, reason: error.message })
    throw error
  }
}

/**
 * The same by the sops program, where an SSH key or another that only it uses opens the file. It wraps the data key anew
 * for all of them: where the rules do not name one of those who can open the file, the `refusal` stands.
 */
async function withRecipientBySops(
  context: HostContext,
  { document, outside, recipient, rules }: Wanted,
  refusal: DisintoError,
): Promise<Buffer> {
  await checkReaders(context, document)
  const rule = rules.for(document.source.path)
  const own = await ownRecipients(context)
  const audience = audienceOfFile(outside, rule, own, [recipient])
  if (audience.lost.length > 0) throw refusal
  return rekeyBySops(context, document, sopsConfigFor(rule, audience, outside.rule, outside.macOnlyEncrypted))
}

/**
 * Prepares a file for one more recipient: once it is committed, the old or the new bytes are there at every instant. The
 * new ones open to the same for us, and are for those of before and for this one. Throws secret-link, link-out, readers-unaddable,
 * readers-unchecked and written-differs, and what opening the file throws.
 */
export async function prepareReader(
  context: HostContext,
  document: Document,
  recipient: string,
  rules: CreationRules | undefined,
): Promise<Prepared> {
  const { path } = document.source
  checkUnlinked(context.project.root, path)
  const outside = await readOutsideOf(document.bytes)
  const open = openWith(context)
  const before = (await open(document)).plaintext
  const bytes = await withRecipient(context, document, outside, recipient).catch(async (error: unknown) => {
    if (rules === undefined || !(error instanceof DisintoError) || error.code !== 'readers-unaddable')
      throw error
    return withRecipientBySops(context, { document, outside, recipient, rules }, error)
  })
  return prepareFile(path, bytes, {
    over: document.bytes,
    verify: async (written, temporary) => {
      const made = await readOutsideOf(written)
      if (!areSameKeys(made.recipients, [...outside.recipients, recipient]))
        throw failure('readers-unchecked', { path })
      const after = (
        await open({ ...document, source: { ...document.source, path: temporary }, bytes: written })
      ).plaintext
      if (!isDeepStrictEqual(after, before)) throw failure('written-differs', { path })
    },
  })
}
