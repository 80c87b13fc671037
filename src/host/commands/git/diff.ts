/** `disinto git diff`: what changed in encrypted files, by name; with --values also from what to what. */
import type { HostCommand } from '../../cli/command.ts'
import { failure } from '../../errors.ts'
import { compareStates, linesOf, type Place, readState } from '../../git/compare.ts'
import { versionOpener } from '../../git/opened.ts'
import { repositoryOf } from '../../git/repository.ts'
import { isTerminal } from '../../terminal.ts'

/** The two states that are compared. */
function placesOf(revisions: readonly string[], staged: boolean): [before: Place, after: Place] {
  const [one = 'HEAD', other] = revisions
  if (other !== undefined) return [{ revision: one }, { revision: other }]
  return [{ revision: one }, staged ? 'index' : 'work tree']
}

export const diff: HostCommand = {
  name: 'git diff',
  about: 'show which names and recipients changed',
  usage: '[REVISION [REVISION]] [OPTION ...]',
  details: `Compares the encrypted files of HEAD, or of REVISION, with those of the work
tree, of the index (--staged) or of a second REVISION: + a name that is new, -
one that is gone, ~ one whose value changed, and recipients. Needs no key;
where a key opens both versions, a file that was encrypted again shows only what changed.
--values shows old and new values, only on a terminal.`,
  examples: ['disinto git diff', 'disinto git diff main feature', 'disinto git diff --staged --values'],
  options: [
    { name: 'staged', about: 'compare what is about to be committed' },
    { name: 'values', about: 'show the values, on a terminal, to whoever has the key' },
    { name: 'json', about: 'JSON: files with names, recipients gained and lost' },
  ],
  words: [0, 2],
  run: async ({ context, words, on }) => {
    if (on('values') && (on('json') || !isTerminal(1))) throw failure('values-terminal')
    const repository = await repositoryOf(context)
    const [before, after] = placesOf(words, on('staged'))
    const changed = await compareStates(
      await readState(context, repository, before),
      await readState(context, repository, after),
      versionOpener(context),
    )
    if (on('json')) {
      const facts = changed.map(({ path, changes, ...rest }) => ({
        path,
        names: changes.map(({ sign, name }) => ({ sign, name })),
        ...rest,
      }))
      context.print(`${JSON.stringify(facts, null, 2)}\n`)
    } else
      context.print(
        changed
          .flatMap((file) => linesOf(file, on('values')))
          .map((line) => `${line}\n`)
          .join(''),
      )
    return 0
  },
}
