/**
 * An approval counts once.
 * Before its container starts, a file that only one process can make says that it is spent. It is the operator's own
 * file: who can write the repository can't take it back.
 */
import { createHash } from 'node:crypto'
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs'
import { hostname } from 'node:os'
import { dirname, join } from 'node:path'
import { DisintoError, errnoOf } from '../../errors.ts'
import { failure } from '../errors.ts'
import { syncDirectory } from '../files/write.ts'
import type { Project } from '../project.ts'
import { objectOf } from './json.ts'
import type { Proposal } from './proposal.ts'

const DIRECTORY = 'vault-spent'

function directoryOf({ serviceKeysDir }: Project): string {
  if (serviceKeysDir === undefined) throw failure('no-key-place')
  return join(serviceKeysDir, DIRECTORY)
}

/** SHA-256 of a proposal's bytes. */
export const digestOf = ({ bytes }: Pick<Proposal, 'bytes'>): string =>
  createHash('sha256').update(bytes).digest('hex')

/** What makes one approval what it is: its ID, and, where the signed bytes say none, the bytes themselves. */
function namesOf(proposal: Proposal): string[] {
  return [`id-${proposal.id}`, ...(proposal.namesItself ? [] : [`bytes-${digestOf(proposal)}`])]
}

/** When and by which run an approval was spent; undefined when it was not. */
export function spentBy(project: Project, proposal: Proposal): { at: string; run: string } | undefined {
  if (project.serviceKeysDir === undefined) return undefined
  for (const name of namesOf(proposal)) {
    try {
      const claim = objectOf(JSON.parse(readFileSync(join(directoryOf(project), name), 'utf8')))
      return { at: String(claim['at'] ?? 'some time'), run: String(claim['run'] ?? '') }
    } catch (error) {
      // One that is there and not whole was written by somebody who was killed: it is spent all the same.
      if (errnoOf(error) !== 'ENOENT') return { at: 'some time', run: '' }
    }
  }
  return undefined
}

function writeDown(path: string, text: string): void {
  const descriptor = openSync(path, 'wx', 0o600)
  try {
    writeSync(descriptor, text)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** Makes the directory of claims, so that it lasts through a power cut. */
function makeDurable(directory: string): void {
  try {
    const made = mkdirSync(directory, { recursive: true, mode: 0o700 })
    if (made !== undefined) syncDirectory(dirname(made))
  } catch (error) {
    throw failure('claim-unwritten', { path: directory, reason: errnoOf(error) })
  }
}

/**
 * Spends an approval, for good and through a power cut. Throws approval-used when somebody has done so before; then
 * nothing may be started.
 */
export function claim(project: Project, proposal: Proposal, run: string): void {
  const directory = directoryOf(project)
  makeDurable(directory)
  const text = `${JSON.stringify({ id: proposal.id, at: new Date().toISOString(), run, host: hostname() })}\n`
  for (const name of namesOf(proposal)) {
    try {
      writeDown(join(directory, name), text)
    } catch (error) {
      if (errnoOf(error) === 'EEXIST')
        throw failure('approval-used', {
          path: proposal.path,
          when: spentBy(project, proposal)?.at ?? 'just now',
        })
      throw failure('claim-unwritten', { path: join(directory, name), reason: errnoOf(error) })
    }
  }
  syncDirectory(directory)
}

/**
 * Notes that a proposal that needs no approval has run, so that --pending leaves it alone. Where that can't be noted
 * nothing is lost: whoever runs it says so each time.
 */
export function noteRun(project: Project, proposal: Proposal, run: string): void {
  try {
    claim(project, proposal, run)
  } catch (error) {
    if (!(error instanceof DisintoError)) throw error
  }
}
