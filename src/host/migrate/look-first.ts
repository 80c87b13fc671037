/** What is looked at before `.env` goes: who else needs it, and who else has what is in it. */
import { type Stats, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { quote } from '../../quote.ts'
import type { HostContext } from '../context.ts'
import { failure } from '../errors.ts'
import { envFileUsers } from './env-file-users.ts'
import { committedPlaintext, isInIndex, takeOutOfIndex } from './git-history.ts'

/**
 * Throws migrate-named where the compose file names `.env` in `env_file:`: these services would lose their values, and
 * compose would do nothing at all, not even `down`.
 */
export async function refuseWhereNamed({ project, variables }: HostContext, named: string): Promise<void> {
  const { root, plainEnvFile } = project
  const users = await envFileUsers(root, plainEnvFile, variables.get('COMPOSE_FILE') || named)
  const [first] = users
  if (first === undefined) return
  throw failure('migrate-named', {
    path: plainEnvFile,
    file: first.file,
    services: [...new Set(users.map(({ service }) => service))],
  })
}

function canOthersEnter(path: string): boolean {
  for (let directory = dirname(path); ; directory = dirname(directory)) {
    if ((statSync(directory).mode & 0o001) === 0) return false
    if (directory === dirname(directory)) return true
  }
}

/** Warns where other users of this machine could read the plaintext. */
export function warnWhereOpen({ speak }: HostContext, path: string, { mode }: Stats): void {
  if ((mode & 0o004) === 0 || !canOthersEnter(path)) return
  speak.warning({
    code: 'plaintext-was-open',
    message: `${quote(path)}: its mode lets every user of this machine read it`,
    hint: 'if others have accounts here, change what is in it at its issuers',
  })
}

/** Warns of what git's history has of it. */
export async function warnOfHistory({ speak, variables }: HostContext, path: string): Promise<void> {
  const committed = await committedPlaintext(variables, path)
  if (committed === undefined) return
  const commits = `${committed.commits} commit${committed.commits === 1 ? '' : 's'}`
  speak.warning({
    code: 'plaintext-in-git',
    message: `${quote(path)}: git still has its plaintext, in ${commits}; everyone with a clone can read: ${committed.names.map(quote).join(', ')}`,
    hint: 'change each of these at its issuer; rewriting the history does not reach existing clones',
  })
}

/** Takes the plaintext out of git's index, so that the next commit does not hold it. */
export async function leaveIndex(
  { speak, variables }: HostContext,
  path: string,
  dryRun: boolean,
): Promise<void> {
  if (!(await isInIndex(variables, path))) return
  if (dryRun) {
    speak.note(
      '.env is in git’s index, so the next commit would contain it: it will be removed from the index',
    )
    return
  }
  if (await takeOutOfIndex(variables, path)) {
    speak.note('.env: removed from git’s index, so the next commit does not contain it')
    return
  }
  speak.warning({
    code: 'plaintext-staged',
    message: `${quote(path)}: is in git’s index, and git did not remove it: the next commit would contain the plaintext`,
    hint: 'before any commit: git rm --cached .env',
  })
}
