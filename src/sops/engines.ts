/** Which engine opens a document: builtin where it can, sops for the rest. */
import { defaultKeyFile } from '../age/places.ts'
import type { Keyring } from '../age/sources.ts'
import { DisintoError, failure } from '../errors.ts'
import { keyRefusal, recipientsOf } from './refusal.ts'
import type { Document, EngineName, Open } from '../nouns.ts'

/**
 * Makes what opens documents in an environment. The choice is made before anything is opened, from the metadata
 * alone: a failure is never a reason to try the other engine, so a file that one finds tampered stays tampered.
 */
export function opener(
  engine: EngineName,
  variables: ReadonlyMap<string, string>,
  workingDirectory: string,
): Open {
  let keyring: Promise<Keyring> | undefined
  const readKeys = () => {
    keyring ??= import('../age/sources.ts').then(({ readKeyring }) =>
      readKeyring(variables, workingDirectory),
    )
    return keyring
  }
  // Loaded when it is asked: node:crypto, which it needs, takes longer than all else that a start by sops does.
  let builtin: typeof import('./builtin.ts') | undefined
  const openInProcess = async (
    { openBuiltin }: typeof import('./builtin.ts'),
    document: Document,
    keys: Keyring,
  ) => {
    try {
      return await openBuiltin(document, keys.identities)
    } catch (error) {
      if (!(error instanceof DisintoError) || (error.code !== 'key-wrong' && error.code !== 'key-missing'))
        throw error
      const recipients = document.format === 'age' ? [] : await recipientsOf(document)
      throw keyRefusal(document.source.path, recipients, keys, defaultKeyFile(variables))
    }
  }
  let openBySops: ((document: Document, reason?: string) => ReturnType<typeof openInProcess>) | undefined

  return async (document) => {
    let reason: string | undefined
    // An age file is none of sops' formats: it is opened here, whatever the choice.
    if (engine !== 'sops' || document.format === 'age') {
      builtin ??= await import('./builtin.ts')
      const keys = await readKeys()
      reason = builtin.builtinDeclines(document, keys.identities)
      if (reason === undefined) {
        return { plaintext: await openInProcess(builtin, document, keys), by: 'builtin' }
      }
      const { path } = document.source
      if (document.format === 'age') throw failure('age-declines', { path, reason })
      if (engine === 'builtin') throw failure('engine-declines', { path, reason })
    }
    const { sopsOpener } = await import('./program.ts')
    openBySops ??= sopsOpener(variables, workingDirectory, readKeys)
    return { plaintext: await openBySops(document, reason), by: 'sops' }
  }
}
