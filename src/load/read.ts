/** From a source to its bytes and their format. */
import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs'
import { type DisintoError, errnoOf, failure } from '../errors.ts'
import type { Document, Format, Source } from '../nouns.ts'
import { damageOf } from './damage.ts'
import { detectFormat } from './format.ts'

/** No source is larger: an environment can't hold more than 128 KiB a variable, so 10 MiB is plenty. */
export const MAX_FILE_BYTES = 10 * 1024 * 1024

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return 'a directory'
  if (stats.isFIFO()) return 'a pipe'
  if (stats.isSocket()) return 'a socket'
  return 'a device'
}

/**
 * Reads a whole regular file of at most MAX_FILE_BYTES, which a link may lead to; never waits on a pipe, and never reads a
 * device, which need not end. Throws source-irregular and source-too-large; Node's own errors come through.
 */
export function readRegular(path: string): Buffer {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
  try {
    const stats = fstatSync(descriptor)
    if (!stats.isFile()) throw failure('source-irregular', { path, kind: kindOf(stats) })
    // One byte more than it says, so that a file that grows meanwhile is noticed.
    let buffer = Buffer.allocUnsafe(Math.min(stats.size, MAX_FILE_BYTES) + 1)
    let length = 0
    for (;;) {
      const got = readSync(descriptor, buffer, length, buffer.length - length, null)
      length += got
      if (length > MAX_FILE_BYTES) throw failure('source-too-large', { path, limit: MAX_FILE_BYTES })
      if (got === 0) return buffer.subarray(0, length)
      if (length === buffer.length)
        buffer = Buffer.concat([buffer], Math.min(buffer.length * 2, MAX_FILE_BYTES + 1))
    }
  } finally {
    closeSync(descriptor)
  }
}

function explained(error: unknown, path: string): unknown {
  const errno = errnoOf(error)
  if (errno === 'ENOENT') return failure('source-dangling', { path })
  if (errno === 'ENXIO') return failure('source-irregular', { path, kind: 'a socket or device' })
  return errno.startsWith('E') ? failure('source-unreadable', { path, reason: errno }) : error
}

/** As readRegular, with errors of ours alone: source-dangling and source-unreadable, too. */
export function readWhole(path: string): Buffer {
  try {
    return readRegular(path)
  } catch (error) {
    throw explained(error, path)
  }
}

/** As readWhole; undefined where there is no such file. */
export function readIfThere(path: string): Buffer | undefined {
  try {
    return readRegular(path)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return undefined
    throw explained(error, path)
  }
}

function notEncrypted(path: string, bytes: Buffer): DisintoError {
  return damageOf(path, bytes) ?? failure('source-not-encrypted', { path })
}

/** The format of a file that may be plaintext. */
function formatOfEnvFile(path: string, bytes: Buffer): Format {
  // An empty .env sets nothing, which is how one begins.
  const format = detectFormat(bytes) ?? (bytes.includes('ENC[AES256_GCM') ? undefined : 'plaintext')
  if (format === undefined) throw notEncrypted(path, bytes)
  if (format === 'plaintext' && damageOf(path, bytes)?.code === 'source-utf16')
    throw failure('source-utf16', { path })
  return format
}

/** Reads a source and tells its format from its content; plaintext only where it is allowed. */
export function read(source: Source): Document {
  return documentOf(source, readWhole(source.path))
}

/** As read, of bytes that have been read. */
export function documentOf(source: Source, bytes: Buffer): Document {
  if (source.role === 'env-file' && source.plaintextAllowed)
    return { source, bytes, format: formatOfEnvFile(source.path, bytes) }
  if (bytes.length === 0) throw failure('source-empty', { path: source.path })
  const damage = damageOf(source.path, bytes)
  if (damage?.code === 'source-conflict') throw damage
  const format = detectFormat(bytes, { plaintextAllowed: false })
  if (format === undefined || (format === 'age' && source.role === 'env-file')) {
    throw notEncrypted(source.path, bytes)
  }
  // `{"data": …}` is how sops wraps a binary file, and also how it writes a secret of that name.
  if (format === 'sops-binary' && source.role === 'secret' && source.name === 'data') {
    return { source, bytes, format: 'sops-json' }
  }
  return { source, bytes, format }
}
