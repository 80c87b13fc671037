/** The value of a secret: from a prompt, a file or a pipe, and never from an argument. */
import { isUtf8 } from 'node:buffer'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Flag } from '../../flags.ts'
import { readWhole } from '../../load/read.ts'
import { Secret } from '../../secret.ts'
import { failure } from '../errors.ts'
import { isTerminal } from '../terminal.ts'
import type { Invocation } from './command.ts'
import { hiddenValue } from './prompt.ts'

/** The options of every command that takes a value. */
export const VALUE_OPTIONS: readonly Flag[] = [
  { name: 'from-file', value: 'FILE', about: 'read the value from a file' },
  { name: 'raw', about: 'keep the final newline' },
]

/** Bytes as a value: UTF-8, less one final newline unless they are to be kept as they are. */
function asValue(bytes: Buffer, raw: boolean, path: string, name: string): Secret {
  if (!isUtf8(bytes)) throw failure('value-not-utf8', { path, name })
  const text = bytes.toString()
  return new Secret(raw ? text : text.replace(/\r?\n$/, ''))
}

async function valueFrom(name: string, path: string, { context, on, text }: Invocation): Promise<Secret> {
  const file = text('from-file')
  if (file !== undefined) {
    const from = resolve(context.workingDirectory, file)
    if (!existsSync(from)) throw failure('file-missing', { path: from })
    return asValue(readWhole(from), on('raw'), path, name)
  }
  if (context.interactive) return hiddenValue(name)
  // A terminal that we can't draw on would show what is typed.
  if (isTerminal(0))
    throw failure('unasked', { question: `the value of ${name}`, option: '--from-file FILE' })
  return asValue(context.readInput(), on('raw'), path, name)
}

/**
 * Returns the value that a command is given for a name; `path` is the file that it is for. Throws value-empty,
 * value-not-utf8, value-several-lines, file-missing and unasked.
 */
export async function readValue(name: string, path: string, invocation: Invocation): Promise<Secret> {
  const value = await valueFrom(name, path, invocation)
  if (value.reveal() === '') throw failure('value-empty', { name })
  return value
}
