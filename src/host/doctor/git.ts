/** git: whether it compares, merges and checks encrypted files by name in this clone. */
import { DisintoError } from '../../errors.ts'
import type { HostContext } from '../context.ts'
import type { Finding } from '../finding.ts'
import { type SetUp, setUpOf } from '../git/setup.ts'
import { inventory } from '../store/inventory.ts'

const FIX = 'disinto git setup'

/** The findings for how far a clone is set up. */
export function setUpFindings({ attributes, drivers, hook }: SetUp): Finding[] {
  const warning = (code: string, message: string): Finding => ({
    code,
    severity: 'warning',
    message,
    hint: FIX,
  })
  if (!attributes && drivers === 'none')
    return [
      {
        code: 'git-setup-none',
        severity: 'note',
        message: 'git shows encrypted files as noise, and merges them into files that nothing opens',
        hint: FIX,
      },
    ]
  if (drivers === 'none')
    return [warning('git-setup-half', 'this clone lacks the drivers that .gitattributes names')]
  if (drivers === 'stale')
    return [
      warning('git-setup-stale', 'git calls a disinto that is not there any more, so diffs and merges fail'),
    ]
  if (drivers === 'inside')
    return [
      {
        code: 'git-setup-inside',
        severity: 'error',
        message:
          'git calls a disinto in the work tree, where a branch that is checked out can put another in its place',
        hint: 'install disinto outside the repository (npm install --global disinto), and with that one run: disinto git setup --hook',
      },
    ]
  if (!attributes)
    return [
      warning('git-setup-half', 'other attributes than ours are in force, so git does not call disinto'),
    ]
  if (drivers === 'cached')
    return [
      warning('git-setup-cached', 'git keeps the names and recipients that it shows, in refs/notes/textconv'),
    ]
  if (hook) return []
  return [
    {
      code: 'git-hook-none',
      severity: 'note',
      message: 'nothing checks what is committed here',
      hint: 'disinto git setup --hook, or pre-commit with the hook of disinto',
    },
  ]
}

/** Examines the repository that the project is in, if it holds encrypted files. */
export async function examineGit(context: HostContext): Promise<Finding[]> {
  try {
    if (inventory(context.project).length === 0) return []
    const setUp = await setUpOf(context)
    return setUp === undefined ? [] : setUpFindings(setUp)
  } catch (error) {
    // Which tools there are is told elsewhere.
    if (error instanceof DisintoError && error.code === 'git-missing') return []
    throw error
  }
}
