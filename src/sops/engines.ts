/** Which engine opens a document: builtin where it can, sops for the rest. */
import type { Keyring } from '../age/sources.ts'
import { DisintoError, failure } from '../errors.ts'
import { keyTypesOf } from '../load/options.ts'
import type { Document, EngineName, KeyType, Open, Plaintext } from '../nouns.ts'
import type { Declined } from './metadata.ts'
import type { OpenBySops } from './program.ts'
import { keyRefusal, recipientsOf } from './refusal.ts'

/** What else an opener may be told. */
export interface OpenerOptions {
  /** The kinds of keys that may be used; by default those that DISINTO_KEY_TYPES names. */
  readonly keyTypes?: ReadonlySet<KeyType>
  /** Other homes than HOME in which a key may be: that of the user to become above all. */
  readonly homes?: readonly string[]
}

/** What both engines need to open anything. */
interface Means {
  readonly variables: ReadonlyMap<string, string>
  readonly keyTypes: ReadonlySet<KeyType>
  /** Reads the identities, once. */
  readonly readKeys: () => Promise<Keyring>
}

/** What to say where none of our identities opened a document: a kind of key that may not be used, or which keys there are. */
async function noneOpened(document: Document, { variables, keyTypes, readKeys }: Means) {
  const { path } = document.source
  const keys = await readKeys()
  if (document.format === 'age') return keyRefusal(path, [], keys)
  const { restrictKeyTypes } = await import('./restrict.ts')
  const left = [...(await restrictKeyTypes(document, keyTypes, variables)).left]
  if (left.length > 0)
    return failure('key-type-needed', { path, types: left, allowed: [...keyTypes], tried: true })
  return keyRefusal(path, await recipientsOf(document), keys)
}

/** Opens a document by the builtin engine; returns why that declines it where it does. Throws for an age file. */
async function openBuiltin(document: Document, means: Means): Promise<Plaintext | Declined> {
  const { path } = document.source
  // Loaded when it is asked: node:crypto, which it needs, takes longer than all else that a start by sops does.
  const { prepareBuiltin } = await import('./builtin.ts')
  const { identities } = await means.readKeys()
  const prepared = await prepareBuiltin(document, identities, means.keyTypes)
  if (!('open' in prepared)) {
    if (document.format === 'age') throw failure('age-declines', { path, reason: prepared.declines })
    return prepared
  }
  try {
    return await prepared.open()
  } catch (error) {
    if (error instanceof DisintoError && (error.code === 'key-wrong' || error.code === 'key-missing'))
      throw await noneOpened(document, means)
    throw error
  }
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
  const means = { variables, keyTypes, readKeys }
  let sops: OpenBySops | undefined
  const openBySops = async (document: Document, reason?: string) => {
    const { sopsOpener } = await import('./program.ts')
    sops ??= sopsOpener({ variables, workingDirectory, keyTypes, homes }, readKeys)
    return { ...(await sops(document, reason)), by: 'sops' as const }
  }

  return async (document) => {
    const { path } = document.source
    if (document.format === 'age' && !keyTypes.has('age'))
      throw failure('key-type-needed', { path, types: ['age'], allowed: [...keyTypes] })
    // An age file is none of sops' formats: it is opened here, whatever the choice.
    if (document.format !== 'age' && (engine === 'sops' || !keyTypes.has('age'))) return openBySops(document)
    const opened = await openBuiltin(document, means)
    if (!('declines' in opened)) return { plaintext: opened, by: 'builtin' }
    if (engine === 'builtin') throw failure('engine-declines', { path, reason: opened.declines })
    return openBySops(document, opened.declines)
  }
}
