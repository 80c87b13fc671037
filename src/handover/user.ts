/** Becoming another user: stdio, groups, gid, uid, in the one order that works, and HOME. */
import { fchownSync, fstatSync, readFileSync } from 'node:fs'
import { errnoOf, failure } from '../errors.ts'

export interface Account {
  /** As it was asked for. */
  readonly spec: string
  readonly uid: number
  readonly gid: number
  /** Supplementary groups, the primary one included, as initgroups(3) sets them. */
  readonly groups: readonly number[]
  readonly home: string
}

const NUMBER = /^\d{1,10}$/
/** The largest uid; 2^32-1 means "no change" to setresuid(2). */
const MAX_ID = 2 ** 32 - 2

function table(path: string): string[][] {
  try {
    return readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.split(':'))
  } catch (error) {
    // An image from scratch has no such file: then only numbers work.
    if (errnoOf(error) === 'ENOENT') return []
    throw failure('source-unreadable', { path, reason: errnoOf(error) })
  }
}

function toId(text: string, spec: string): number {
  const id = Number(text)
  if (!NUMBER.test(text) || id > MAX_ID)
    throw failure('user-unknown', { spec, part: `${JSON.stringify(text)} is no number` })
  return id
}

/** A NAME or UID, with an optional :GROUP or :GID, looked up in passwd(5) and group(5). */
export function lookUpUser(spec: string, passwdFile = '/etc/passwd', groupFile = '/etc/group'): Account {
  const [user = '', group] = spec.split(':', 2)
  const byNumber = NUMBER.test(user)
  const passwd = table(passwdFile).find(([name, , uid]) =>
    byNumber ? uid === String(Number(user)) : name === user,
  )
  const groups = table(groupFile)
  if (!byNumber && passwd === undefined) {
    throw failure('user-unknown', { spec, part: `no user ${JSON.stringify(user)} in ${passwdFile}` })
  }
  const uid = toId(passwd?.[2] ?? user, spec)
  const home = passwd?.[5] || '/'
  if (group !== undefined) {
    const row = groups.find(([name]) => name === group)
    if (row === undefined && !NUMBER.test(group)) {
      throw failure('user-unknown', { spec, part: `no group ${JSON.stringify(group)} in ${groupFile}` })
    }
    const gid = toId(row?.[2] ?? group, spec)
    return { spec, uid, gid, groups: [gid], home }
  }
  if (passwd === undefined) {
    throw failure('user-unknown', {
      spec,
      part: `uid ${uid} is not in ${passwdFile}, so name its group, too`,
    })
  }
  const gid = toId(passwd[3] ?? '', spec)
  const memberOf = groups
    .filter(([, , , members]) => members?.split(',').includes(passwd[0] ?? '') === true)
    .map(([, , id]) => toId(id ?? '', spec))
  return { spec, uid, gid, groups: [...new Set([gid, ...memberOf])], home }
}

/** The HOME that a command gets, once `becomeUser` or `withHome` has had its turn. */
export function homeAs(
  account: Account | undefined,
  inherited: ReadonlyMap<string, string>,
  home: string | undefined,
): string | undefined {
  if (account !== undefined && process.getuid?.() === 0) return account.home
  const environment = account === undefined && home !== undefined ? withHome(home, inherited) : inherited
  return environment.get('HOME') || undefined
}

/**
 * The supplementary groups that the container was given: `docker run --group-add`, `fsGroup`. Those that root has by its
 * own line in group(5) are root's, and go.
 */
export function givenGroups(current: readonly number[], groupFile = '/etc/group'): number[] {
  const ofRoot = table(groupFile)
    .filter(([, , , members]) => members?.split(',').includes('root') === true)
    .map(([, , id]) => Number(id))
  return current.filter((id) => id !== 0 && !ofRoot.includes(id))
}

/** The account as it will be: with the groups of the container beside its own. Nothing to add for who is not root. */
export function withGivenGroups(account: Account): Account {
  if (process.getuid?.() !== 0 || process.getgroups === undefined) return account
  return { ...account, groups: [...new Set([...account.groups, ...givenGroups(process.getgroups())])] }
}

/** Whether this process is root and would become somebody else. */
export function becomesAnother(account: Account): boolean {
  return process.getuid?.() === 0 && account.uid !== 0
}

/** Whether a device (`st_rdev`) is a terminal, by its major number: tty, console, serial and pseudo terminals (devices.txt). */
export function isTerminal(device: number): boolean {
  const major = (device >> 8) & 0xfff
  return major === 4 || major === 5 || (major >= 136 && major <= 143)
}

/**
 * Whether the session of our terminal is ours or the container's own: we lead it, or process 1 does (proc_pid_stat(5),
 * field 6). A shell that leads another goes on after us, and what root types there is for no user to read.
 */
function isOurSession(): boolean {
  try {
    const stat = readFileSync('/proc/self/stat', 'latin1')
    // The second field, in parentheses, may hold anything.
    const session = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[3]
    return session === String(process.pid) || session === '1'
  } catch {
    return false
  }
}

/**
 * Gives the user the pipes and the terminal that the engine prepared for root, so that /dev/stdout and $(tty) open as they
 * do under `docker run --user` (runc, fixStdioPermissions). Never a file, or the terminal of another's session. Where it is refused,
 * without CAP_CHOWN for example, the command has its descriptors all the same.
 */
function handOverStdio(uid: number): void {
  for (const descriptor of [0, 1, 2]) {
    try {
      const stats = fstatSync(descriptor)
      const ours = stats.isFIFO() || (stats.isCharacterDevice() && isTerminal(stats.rdev) && isOurSession())
      if (ours && stats.uid === 0) fchownSync(descriptor, uid, stats.gid)
    } catch {
      // Closed, or not ours to give.
    }
  }
}

/**
 * Becomes the user and returns the environment with its HOME. Nothing changes for a process that already is that
 * user; any other that is not root gets an error.
 */
export function becomeUser(
  account: Account,
  environment: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  const { spec } = account
  const { setgroups, setgid, setuid, getuid, getgid } = process
  const uid = getuid?.()
  if (!setgroups || !setgid || !setuid || uid === undefined)
    throw failure('user-refused', { spec, reason: process.platform })
  if (uid !== 0) {
    const sameGroup = !spec.includes(':') || account.gid === getgid?.()
    if (uid === account.uid && sameGroup) return environment
    throw failure('user-not-root', { spec, uid })
  }
  if (account.uid !== 0) handOverStdio(account.uid)
  try {
    setgroups([...account.groups])
    setgid(account.gid)
    setuid(account.uid)
  } catch (error) {
    throw failure('user-refused', { spec, reason: errnoOf(error) })
  }
  return new Map(environment).set('HOME', account.home)
}

/** The environment of a user that /etc/passwd does not know, whose HOME docker sets to `/`, with another HOME. */
export function withHome(
  home: string,
  environment: ReadonlyMap<string, string>,
  passwdFile = '/etc/passwd',
): ReadonlyMap<string, string> {
  const uid = String(process.getuid?.() ?? '')
  if (table(passwdFile).some(([, , known]) => known === uid)) return environment
  return (environment.get('HOME') || '/') === '/' ? new Map(environment).set('HOME', home) : environment
}
