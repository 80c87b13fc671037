/** Values of a version of a file, for whoever has the key as a file; no program is run for it. */
import { createHash, createHmac, type Hmac } from 'node:crypto'
import { readKeyring } from '../../age/sources.ts'
import { DisintoError } from '../../errors.ts'
import { opener } from '../../sops/engines.ts'
import type { HostContext } from '../context.ts'
import { documentOf } from '../store/open.ts'
import { placeOf } from './merge-files.ts'
import { MARK_DIGITS, type Marks } from './summary.ts'
import { versionOf } from './versions.ts'

/** Opens a version: what each name is set to, as it stands in the file; undefined where no key here opens it. */
export type OpenVersion = (path: string, bytes: Buffer) => Promise<ReadonlyMap<string, string> | undefined>

/**
 * The variables less what would have a program run for a key: a diff of many files would ask for a pass phrase as
 * often.
 */
function withoutPrograms(variables: ReadonlyMap<string, string>): Map<string, string> {
  const left = /^SOPS_AGE_(?:KEY_CMD|SSH_.*)$/
  return new Map([...variables].filter(([name]) => !left.test(name)))
}

/** Makes what opens versions with the keys at hand, in process alone. */
export function versionOpener({ variables, workingDirectory }: HostContext): OpenVersion {
  const open = opener('builtin', withoutPrograms(variables), workingDirectory)
  return async (path, bytes) => {
    const document = documentOf(placeOf(path).source, bytes)
    if (document.format === 'plaintext') return undefined
    try {
      const { plaintext } = await open(document)
      const version = versionOf(document, plaintext)
      if ('reason' in version) return undefined
      const named = version.entries.flatMap((entry) => {
        if (entry.kind === 'comment') return []
        const isText = version.kind === 'json' && entry.content.startsWith('"')
        return [[entry.name, isText ? String(JSON.parse(entry.content)) : entry.content] as const]
      })
      // What sops calls the only value of a binary file, which has no name.
      return new Map(version.kind === 'binary' ? named.map(([, content]) => ['data', content]) : named)
    } catch (error) {
      // Without a key there is the ciphertext to compare.
      if (error instanceof DisintoError) return undefined
      throw error
    }
  }
}

/** A secret that only the keys at hand tell: marks made with it can't be guessed from. Undefined without keys. */
async function markKey({ variables, workingDirectory }: HostContext): Promise<Buffer | undefined> {
  const { identities } = await readKeyring(withoutPrograms(variables), workingDirectory)
  const hash = createHash('sha256').update('disinto git marks')
  let any = false
  for (const identity of identities) {
    if (identity.kind === 'foreign') continue
    any = true
    hash.update(
      identity.kind === 'package'
        ? identity.text.reveal()
        : identity.privateKey.export({ format: 'der', type: 'pkcs8' }),
    )
  }
  return any ? hash.digest() : undefined
}

/**
 * Makes what marks the values of a version: alike where they are alike under the same name, whatever they are encrypted
 * with. A file that was encrypted anew shows then which values changed. None without a key.
 */
export async function versionMarker(
  context: HostContext,
): Promise<(path: string, bytes: Buffer) => Promise<Marks>> {
  const key = await markKey(context)
  if (key === undefined) return async () => new Map()
  const open = versionOpener(context)
  return async (path, bytes) => {
    const marked = (hmac: Hmac) => hmac.digest('hex').slice(0, MARK_DIGITS)
    const values = (await open(path, bytes)) ?? new Map<string, string>()
    return new Map(
      [...values].map(([name, content]) => [
        name,
        marked(createHmac('sha256', key).update(`${name}\0${content}`)),
      ]),
    )
  }
}
