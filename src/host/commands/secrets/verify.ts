/** `disinto secrets verify`: opens every file and says which can't be opened, and why. */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { asDisintoError } from '../../../errors.ts'
import type { Source } from '../../../nouns.ts'
import { quote } from '../../../quote.ts'
import { recipientsOfFile, warnOfKeyFiles } from '../../access/keys.ts'
import type { HostCommand } from '../../cli/command.ts'
import type { HostContext } from '../../context.ts'
import { failure } from '../../errors.ts'
import { inventory, outsideOf } from '../../store/inventory.ts'
import { allowed, entriesAt, openWith, withOnlyKey } from '../../store/open.ts'
import { withProgress } from '../../terminal.ts'
import { warning } from '../../warnings.ts'

interface Checked {
  readonly file: string
  readonly names: readonly string[]
  readonly error: { readonly code: string; readonly message: string; readonly hint: string } | null
}

function sayOpened({ print, speak }: HostContext, checked: readonly Checked[]): void {
  for (const { file, names, error } of checked)
    if (error === null) print(`ok  ${quote(file)}  ${names.map(quote).join(' ')}\n`)
  if (checked.length === 0) speak.note('no encrypted files here: nothing to verify')
}

export const verify: HostCommand = {
  name: 'secrets verify',
  about: 'open every file, to test the files or a key',
  usage: '[OPTION ...]',
  details: `Opens each file as the shim does and checks that it is complete; shows names,
not values. With --key, only that key is used: a test of a backup.`,
  examples: [
    'disinto secrets verify',
    'disinto secrets verify --key /media/stick/keys.txt',
    'disinto secrets verify --json | jq ".[] | select(.error)"',
  ],
  options: [
    { name: 'key', value: 'FILE', about: 'use this key file and no other' },
    { name: 'json', about: 'JSON: file, names, error' },
  ],
  words: [0, 0],
  run: async ({ context, on, text }) => {
    const { project, variables, workingDirectory, print, speak } = context
    const given = text('key')
    const key = given === undefined ? undefined : resolve(workingDirectory, given)
    if (key !== undefined && (await recipientsOfFile(key)) === undefined)
      throw failure('file-missing', { path: key })
    const open = openWith(
      key === undefined ? context : { ...context, variables: withOnlyKey(variables, key) },
    )
    const checked: Checked[] = []
    const look = async (source: Source) => {
      const file = source.path.slice(project.root.length + 1)
      try {
        const entries = await entriesAt(source, open, allowed(variables))
        checked.push({ file, names: entries.map(({ name }) => name), error: null })
        const { clear } = await outsideOf(source)
        if (clear.length > 0)
          speak.warning({
            code: 'values-in-clear',
            message: `${quote(file)}: the value of ${clear.map(quote).join(', ')} is not encrypted, but in plaintext`,
            hint: 'disinto doctor says what to do',
          })
      } catch (thrown) {
        const error = asDisintoError(thrown)
        if (!on('json')) speak.error(error)
        checked.push({
          file,
          names: [],
          error: { code: error.code, message: error.message, hint: error.hint },
        })
      }
    }
    const sources = inventory(project)
    await withProgress(variables, 'opening files', async (advance) => {
      for (const [at, source] of sources.entries()) {
        advance(at, sources.length)
        await look(source)
      }
    })
    const failed = checked.filter(({ error }) => error !== null).length
    if (on('json')) print(`${JSON.stringify(checked, null, 2)}\n`)
    else sayOpened(context, checked)
    if (existsSync(project.plainEnvFile))
      speak.warning(warning('plaintext-env', { path: project.plainEnvFile }))
    if (key === undefined) warnOfKeyFiles(context)
    if (failed > 0 && !on('json')) throw failure('verify-failed', { count: failed })
    return failed === 0 ? 0 : 1
  },
}
