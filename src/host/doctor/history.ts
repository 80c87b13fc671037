/** git: plaintext and keys that it tracks, knew once, or would take in. */
import { existsSync } from 'node:fs'
import type { Ended } from '../../child.ts'
import { quote } from '../../quote.ts'
import type { HostContext } from '../context.ts'
import type { Finding } from '../finding.ts'
import { runGit } from '../git/program.ts'

/** Paths that hold plaintext or keys, as git's pathspecs below the project. */
const SECRET_PATHS = ['.env', '.env.local', '.env.production', '.env.vault', 'keys.txt', ':(glob)**/keys.txt']

/** Examines the repository that the project is in; nothing is found where there is none. */
export async function examineHistory(context: HostContext): Promise<Finding[]> {
  const { project, variables } = context
  const git = async (...words: string[]): Promise<Ended | undefined> => {
    try {
      return await runGit(variables, project.root, words)
    } catch {
      return undefined
    }
  }
  const inside = await git('rev-parse', '--is-inside-work-tree')
  if (inside?.status !== 0) return []
  const lines = (ended: Ended | undefined) => [
    ...new Set(
      (ended?.stdout.toString() ?? '')
        .split('\0')
        .map((line) => line.trim())
        .filter((line) => line !== ''),
    ),
  ]
  const findings: Finding[] = []
  const tracked = lines(await git('ls-files', '-z', '--', ...SECRET_PATHS))
  for (const path of tracked) {
    findings.push({
      code: 'git-tracks-plaintext',
      severity: 'error',
      message: `${quote(path)}: is in git`,
      hint: `git rm --cached ${quote(path)}, and change every secret in it at its issuer`,
    })
  }
  const log = await git(
    'log',
    '--no-ext-diff',
    '--all',
    '--format=',
    '--name-only',
    '-z',
    '--diff-filter=A',
    '--relative',
    '--',
    ...SECRET_PATHS,
  )
  for (const path of lines(log).filter((known) => !tracked.includes(known))) {
    findings.push({
      code: 'git-knew-plaintext',
      severity: 'warning',
      message: `${quote(path)}: was committed once, and whoever has a clone still has it`,
      hint: 'change every secret that was in it at its issuer; git log --all -- shows when it was there',
    })
  }
  const ignored = await git('check-ignore', '--quiet', '--no-index', '.env')
  if (ignored?.status === 1) {
    findings.push({
      code: 'git-would-take-plaintext',
      severity: existsSync(project.plainEnvFile) ? 'error' : 'warning',
      message: '.env: git does not ignore it',
      hint: 'disinto init adds the lines that .gitignore lacks',
    })
  }
  for (const path of ['.env.enc', 'secrets']) {
    const hidden = existsSync(`${project.root}/${path}`)
      ? await git('check-ignore', '--quiet', '--no-index', path)
      : undefined
    if (hidden?.status === 0) {
      findings.push({
        code: 'git-ignores-encrypted',
        severity: 'warning',
        message: `${path}: git ignores it, though it is encrypted and meant to be committed`,
        hint: `add a line !${path} to .gitignore`,
      })
    }
  }
  return findings
}
