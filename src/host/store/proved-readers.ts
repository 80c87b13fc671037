/** Whether those whom a file names can open it, as far as their keys are on this machine. */
import { join } from 'node:path'
import { DisintoError } from '../../errors.ts'
import type { Document } from '../../nouns.ts'
import { hasKey } from '../../sops/master-key.ts'
import { recipientsOfServices } from '../access/keys.ts'
import type { HostContext } from '../context.ts'
import { failure } from '../errors.ts'
import { readOutsideOf } from './inventory.ts'
import { isForOthers, openWith, plaintextOf, withOnlyKey } from './open.ts'

/** Whether the key of a service on this machine opens a document. Throws what else may be wrong with it. */
export async function opensFor(context: HostContext, document: Document, service: string): Promise<boolean> {
  const keyFile = join(context.project.serviceKeysDir ?? '', service, 'keys.txt')
  const variables = withOnlyKey(context.variables, keyFile)
  try {
    await plaintextOf(document, openWith({ ...context, variables }))
    return true
  } catch (error) {
    if (!(error instanceof DisintoError)) throw error
    if (!isForOthers(error) && error.code !== 'file-tampered') throw error
    return false
  }
}

/**
 * Throws reader-unproved where a file names a service whose key is here and does not open it. Whom a file names is a
 * claim, and a file that was encrypted for fewer, brought here under another name, would be encrypted anew for them.
 * With several key groups no key opens a file by itself, and nothing can be told.
 */
export async function checkReaders(context: HostContext, document: Document): Promise<void> {
  const { groups, recipients } = await readOutsideOf(document.bytes)
  if (groups.length > 1) return
  for (const [service, own] of await recipientsOfServices(context)) {
    if (!own.some((recipient) => hasKey(recipients, recipient))) continue
    if (!(await opensFor(context, document, service)))
      throw failure('reader-unproved', { path: document.source.path, service })
  }
}
