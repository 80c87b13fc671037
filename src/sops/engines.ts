/** Which engine opens a document: builtin where it can, sops for the rest. */
import type { Keyring } from '../age/sources.ts'
import { DisintoError, failure } from '../errors.ts'
import { keyTypesOf } from '../load/options.ts'
import type { Document, EngineName, KeyType, Open } from '../nouns.ts'
import type { OpenBySops } from './program.ts'
import type { Openable } from './builtin.ts'
import { keyRefusal, recipientsOf } from './refusal.ts'

/** What else an opener may be told. */
export interface OpenerOptions {
  /** The kinds of keys that may be used; by default those that DISINTO_KEY_TYPES names. */
  readonly keyTypes?: ReadonlySet<KeyType>
  /** Other homes than HOME in which a key may be: that of the user to become above all. */
  readonly homes?: readonly string[]
}

/**
 * Makes what opens documents in an environment. The choice is made before anything is opened, from the metadata
 * alone: a failure is never a reason to try the other engine, so a file that one finds tampered stays tampered.
 */
export function opener(
  engine: EngineName,
  variables: ReadonlyMap<string, string>,
  workingDirectory: string,
  { keyTypes = keyTypesOf(variables), homes = [] }: OpenerOptions = {},
): Open {
  let keyring: Promise<Keyring> | undefined
  const readKeys = () => {
    keyring ??= import('../age/sources.ts').then(({ readKeyring }) =>
      readKeyring(variables, workingDirectory, homes),
    )
    return keyring
  }
  // Loaded when it is asked: node:crypto, which it needs, takes longer than all else that a start by sops does.
  let builtin: typeof import('./builtin.ts') | undefined
  const openInProcess = async ({ open }: Openable, document: Document, keys: Keyring) => {
    try {
      return await open()
    } catch (error) {
      if (!(error instanceof DisintoError) || (error.code !== 'key-wrong' && error.code !== 'key-missing'))
        throw error
      const recipients = document.format === 'age' ? [] : await recipientsOf(document)
      const { path } = document.source
      const left = document.format === 'age' ? [] : await keyTypesLeftOut(document)
      if (left.length > 0)
        throw failure('key-type-needed', { path, types: left, allowed: [...keyTypes], tried: true })
      throw keyRefusal(path, recipients, keys)
    }
  }
  /** The kinds of keys that the file has and that may not be used. */
  const keyTypesLeftOut = async (document: Document): Promise<KeyType[]> => {
    const { restrictKeyTypes } = await import('./restrict.ts')
    return [...(await restrictKeyTypes(document, keyTypes, variables)).left]
  }
  let openBySops: OpenBySops | undefined

  return async (document) => {
    let reason: string | undefined
    const { path } = document.source
    if (document.format === 'age' && !keyTypes.has('age'))
      throw failure('key-type-needed', { path, types: ['age'], allowed: [...keyTypes] })
    // An age file is none of sops' formats: it is opened here, whatever the choice.
    if ((engine !== 'sops' && keyTypes.has('age')) || document.format === 'age') {
      builtin ??= await import('./builtin.ts')
      const keys = await readKeys()
      const prepared = await builtin.prepareBuiltin(document, keys.identities, keyTypes)
      if ('open' in prepared)
        return { plaintext: await openInProcess(prepared, document, keys), by: 'builtin' }
      reason = prepared.declines
      if (document.format === 'age') throw failure('age-declines', { path, reason })
      if (engine === 'builtin') throw failure('engine-declines', { path, reason })
    }
    const { sopsOpener } = await import('./program.ts')
    openBySops ??= sopsOpener({ variables, workingDirectory, keyTypes, homes }, readKeys)
    return { ...(await openBySops(document, reason)), by: 'sops' }
  }
}
