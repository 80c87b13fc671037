/**
 * One at a time: a lock that ends with its process.
 * However that ends; and no other user can take it.
 */
import { createHash, randomBytes } from 'node:crypto'
import { lstatSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { errnoOf } from '../../errors.ts'
import { isGone, MARK, ownMark, world } from '../../owner.ts'
import { failure } from '../errors.ts'

const PAUSE_MS = 20
/** In the queue of one name: who is choosing a number, and who waits or has its turn with one. */
const CHOOSING = new RegExp(`^choosing-(${MARK})-[0-9a-f]{8}$`)
const NUMBERED = new RegExp(`^(\\d{12})-(${MARK})-[0-9a-f]{8}$`)

export const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds))

/** Makes a directory that we alone can enter; whether it is so. */
function isPrivate(path: string): boolean {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
    const { uid, mode } = lstatSync(path)
    return uid === process.getuid?.() && (mode & 0o077) === 0
  } catch {
    return false
  }
}

/** A directory of ours for what only processes of this user may touch. Throws lock-place. */
function lockDirectory(variables: ReadonlyMap<string, string>): string {
  const home = variables.get('HOME')
  const cache = variables.get('XDG_CACHE_HOME') || (home ? join(home, '.cache') : undefined)
  const runtime = variables.get('XDG_RUNTIME_DIR')
  const places = [
    // The first is the same in a session, in cron and under sudo -u, and so it is the one that counts.
    ...(cache ? [join(cache, 'disinto')] : []),
    ...(runtime ? [join(runtime, 'disinto')] : []),
    join(tmpdir(), `disinto-${process.getuid?.() ?? 0}`),
  ]
  const place = places.find(isPrivate)
  if (place === undefined) throw failure('lock-place', { places })
  return place
}

/** The entries of a queue whose processes live; those of others are removed, which nobody else's name can be hit by. */
function living(queue: string): string[] {
  return readdirSync(queue).filter((entry) => {
    const mark = (CHOOSING.exec(entry)?.[1] ?? NUMBERED.exec(entry)?.[2]) || undefined
    if (mark === undefined || !isGone(mark)) return mark !== undefined
    rmSync(join(queue, entry), { force: true })
    return false
  })
}

/** Takes a number that is above all there are (L. Lamport's bakery, 1974); the name of its file. */
function takeNumber(queue: string): string {
  const self = `${ownMark()}-${randomBytes(4).toString('hex')}`
  const choosing = join(queue, `choosing-${self}`)
  writeFileSync(choosing, '', { flag: 'wx', mode: 0o600 })
  const highest = Math.max(0, ...living(queue).map((entry) => Number(NUMBERED.exec(entry)?.[1] ?? 0)))
  const name = `${String(highest + 1).padStart(12, '0')}-${self}`
  writeFileSync(join(queue, name), '', { flag: 'wx', mode: 0o600 })
  rmSync(choosing)
  return name
}

/** The entries of a queue, looked at twice: one look may miss a number that is written while it goes on. */
const inQueue = (queue: string): string[] => [...living(queue), ...living(queue)]

/** Who comes before a number: lower ones, and whoever is still choosing, as it may get the same. */
const isBefore = (entry: string, own: string): boolean =>
  CHOOSING.test(entry) || (NUMBERED.test(entry) && entry < own)

/**
 * Does something while no other process of this user, on this machine and in this pid namespace, does anything under the same name. Whoever has
 * ended, however, is not waited for; nobody's turn is taken away, however long it takes. Throws lock-place.
 */
export async function inTurn<Result>(
  variables: ReadonlyMap<string, string>,
  name: string,
  work: () => Promise<Result>,
): Promise<Result> {
  const key = createHash('sha256').update(`${world()} ${name}`).digest('hex').slice(0, 16)
  const queue = join(lockDirectory(variables), `queue-${key}`)
  try {
    mkdirSync(queue, { mode: 0o700 })
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error
  }
  const own = takeNumber(queue)
  try {
    while (inQueue(queue).some((entry) => entry !== own && isBefore(entry, own))) await pause(PAUSE_MS)
    return await work()
  } finally {
    rmSync(join(queue, own), { force: true })
  }
}
