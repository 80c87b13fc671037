/**
 * Files written so that at every instant the old one or the new one is there, whole. A new one is written beside the
 * target, flushed, read again and checked, and only then given its name.
 */
import {
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  linkSync,
  lstatSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { errnoOf } from '../../errors.ts'
import { failure } from '../errors.ts'
import { whenLeaving } from './cleanup.ts'
import { temporaryName } from './leftovers.ts'
import { realPath } from './real-path.ts'

export interface WriteOptions {
  /** Called with what was read back, and where it still is; throws when it is not as it should be. */
  readonly verify?: (bytes: Buffer, temporary: string) => void | Promise<void>
  /** Mode of a new file; an existing one keeps its own. 0600 unless told. */
  readonly mode?: number
  /** `new`: throws file-exists when there is one by then. Otherwise what the file must still hold. */
  readonly over?: 'new' | Buffer
  /** The directory that no link may lead out of (checkWithin). */
  readonly within?: string
}

/** A file that is written and checked, but does not have its name yet. */
export interface Prepared {
  readonly path: string
  /** Where it is until then. */
  readonly temporary: string
  /** Throws when somebody else has changed the target meanwhile. */
  check(): void
  /** Gives it its name, in place of what had it. */
  commit(): void
  /** Removes it. */
  discard(): void
}

/** Makes a rename or a removal last through a power cut, where the file system can. */
export function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, 'r')
  try {
    fsyncSync(descriptor)
  } catch {
    // Some network file systems can't; the name is as safe as they make it.
  } finally {
    closeSync(descriptor)
  }
}

/** Throws link-out where a link leads a path out of a directory: a repository must not choose who is given what else. */
export function checkWithin(directory: string, path: string): void {
  const isWithin = realPath(path).startsWith(`${realPath(directory).replace(/\/$/, '')}/`)
  if (!isWithin) throw failure('link-out', { path })
}

/**
 * Throws for an encrypted file that is a link (secret-link), or is behind one that leads out of the project (link-out):
 * whoever made it decides what would be written over.
 */
export function checkUnlinked(root: string, path: string): void {
  let isLink: boolean
  try {
    isLink = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true
  } catch (error) {
    throw explained(error, path)
  }
  if (isLink) throw failure('secret-link', { path })
  checkWithin(root, path)
}

/** Mode and owner of the file that this one replaces. */
function takeAfter(descriptor: number, target: string, mode: number): void {
  let old: Stats | undefined
  try {
    old = statSync(target)
  } catch {
    // There is none.
  }
  fchmodSync(descriptor, old === undefined ? mode : old.mode & 0o7777)
  // Root who works in somebody's project does not take the files away from them.
  if (old !== undefined && process.getuid?.() === 0) fchownSync(descriptor, old.uid, old.gid)
}

function fill(temporary: string, bytes: Buffer, target: string, mode: number): void {
  const descriptor = openSync(temporary, 'wx', 0o600)
  try {
    for (let rest = bytes; rest.length > 0; ) rest = rest.subarray(writeSync(descriptor, rest))
    takeAfter(descriptor, target, mode)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** Gives the name only if nobody has it; where there are no hard links, after a look. */
function linkNew(temporary: string, path: string): void {
  try {
    linkSync(temporary, path)
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'EEXIST') throw failure('file-exists', { path })
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(errno)) throw error
    if (isThere(path)) throw failure('file-exists', { path })
    renameSync(temporary, path)
    return
  }
  rmSync(temporary)
}

function isThere(path: string): boolean {
  try {
    statSync(path)
    return true
  } catch {
    return false
  }
}

function explained(error: unknown, path: string): unknown {
  const errno = errnoOf(error)
  return /^E[A-Z0-9]+$/.test(errno) ? failure('write-failed', { path, reason: errno }) : error
}

/** Writes a file beside its target, and checks it. For ciphertext and keys: never give it a secret's plaintext. */
export async function prepareFile(
  path: string,
  bytes: Buffer,
  options: WriteOptions = {},
): Promise<Prepared> {
  if (options.within !== undefined) checkWithin(options.within, path)
  // Over a link goes what it points at: the file may live elsewhere for a reason.
  const target = options.over === 'new' ? path : realPath(path)
  const directory = dirname(target)
  const temporary = temporaryName(directory)
  const remove = () => rmSync(temporary, { force: true })
  const forget = whenLeaving(remove)
  const discard = () => {
    remove()
    forget()
  }
  try {
    fill(temporary, bytes, target, options.mode ?? 0o600)
    const written = readFileSync(temporary)
    if (!written.equals(bytes)) throw failure('write-failed', { path, reason: 'it reads back differently' })
    await options.verify?.(written, temporary)
  } catch (error) {
    discard()
    throw explained(error, path)
  }
  const check = () => {
    const { over } = options
    if (over === 'new' && isThere(path)) throw failure('file-exists', { path })
    if (Buffer.isBuffer(over) && !readFileSync(path).equals(over)) throw failure('file-changed', { path })
  }
  const commit = () => {
    try {
      check()
      if (options.over === 'new') linkNew(temporary, path)
      else renameSync(temporary, target)
      forget()
      syncDirectory(directory)
    } catch (error) {
      discard()
      throw explained(error, path)
    }
  }
  return { path, temporary, check, commit, discard }
}

/** Writes a file: the old one or the new one is there at every instant. */
export async function writeFile(path: string, bytes: Buffer, options: WriteOptions = {}): Promise<void> {
  const prepared = await prepareFile(path, bytes, options)
  prepared.commit()
}
