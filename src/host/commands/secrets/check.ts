/** `disinto secrets check`: what must not be pushed, told without a key; for hooks and CI. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { readRegular } from '../../../load/read.ts'
import type { HostCommand } from '../../cli/command.ts'
import { isSecretive, toldIn } from '../../compose/exposures.ts'
import { linesOf, plainFinding } from '../../finding.ts'
import { checkFiles } from '../../git/check.ts'
import { allowed } from '../../store/open.ts'
import { withProgress } from '../../terminal.ts'

const count = (number: number, word: string): string => `${number} ${word}${number === 1 ? '' : 's'}`

export const check: HostCommand = {
  name: 'secrets check',
  about: 'find what must not be pushed; needs no key',
  usage: '[--staged] [FILE ...]',
  details: `Finds plaintext .env files, unencrypted values inside encrypted files, names
that don't fit their file, recipients that .sops.yaml does not name or that
are missing, private keys, and files that sops would refuse. Without FILE it
looks at all files of the project that git has or would add; with --staged, at what the next
commit changes, as it is in the index. Exit status 0: nothing
found, 1: something was found, 2: wrong use.`,
  examples: [
    'disinto secrets check',
    'disinto secrets check --staged',
    'disinto secrets check --rules-of origin/main --json | jq ".findings[].code"',
  ],
  options: [
    { name: 'staged', about: 'check what is about to be committed' },
    {
      name: 'rules-of',
      value: 'REVISION',
      about: 'take .sops.yaml from there, as one in a pull request may lie',
    },
    { name: 'allow', value: 'NAME', about: 'allow a refused name' },
    { name: 'json', about: 'JSON: findings with file, code, severity, message, fix' },
  ],
  words: [0, Number.POSITIVE_INFINITY],
  takesRest: true,
  run: async ({ context, words, rest, on, text, texts }) => {
    const example = join(context.project.root, '.env.example')
    const told = toldIn(existsSync(example) ? readRegular(example).toString() : '')
    const { findings, files } = await withProgress(context.variables, 'checking files', (advance) =>
      checkFiles(context, {
        files: [...words, ...rest],
        staged: on('staged'),
        rulesOf: text('rules-of'),
        allow: allowed(context.variables, texts('allow')),
        isSecretive: (name) => isSecretive(name, told),
        advance,
      }),
    )
    const errors = findings.filter(({ severity }) => severity === 'error').length
    if (on('json'))
      context.print(`${JSON.stringify({ findings: findings.map(plainFinding), files, errors }, null, 2)}\n`)
    else if (findings.length > 0 || !on('staged'))
      context.print(`${findings.map(linesOf).join('')}${count(files, 'file')}, ${count(errors, 'error')}\n`)
    return errors === 0 ? 0 : 1
  },
}
