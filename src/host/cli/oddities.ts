/** What is odd about a value, as pasted ones often are: said and not mended. */
import { cannotHold } from '../../load/decrypt.ts'
import type { Secret } from '../../secret.ts'
import type { HostContext } from '../context.ts'

/** Characters that nobody sees: blanks that are none, marks of direction, joiners (Unicode, categories Zs and Cf). */
const UNSEEN = /[\p{Cf}\u00a0\u2000-\u200a\u202f\u205f\u3000]/u
/** Less those of a value over several lines. */
const CONTROL = /[^\P{Cc}\t\r\n]/u
const QUOTED = /^(["'`])[\s\S]*\1$/

/** Returns each in words that follow "the value"; nothing of the value is in them. */
export function odditiesOf(value: string): string[] {
  const text = value.replace(/^\ufeff/, '')
  const found: string[] = []
  if (text !== value) found.push('begins with a byte order mark')
  if (/^[ \t\r\n]/.test(text)) found.push('begins with a blank')
  if (/[ \t]$/.test(text)) found.push('ends with a blank')
  if (/\r$/.test(text)) found.push('ends with a carriage return')
  if (/\n\n$/.test(text)) found.push('ends with an empty line')
  if (text.length > 1 && QUOTED.test(text)) found.push('is in quotes, which are part of it')
  if (UNSEEN.test(text)) found.push('has a character in it that is not seen')
  if (CONTROL.test(text)) found.push('has a control character in it')
  return found
}

/** Warns of what is odd about a value that was stored, and of one that only a file can hand over. */
export function sayWhatIsOdd({ speak }: HostContext, name: string, value: Secret): void {
  for (const oddity of odditiesOf(value.reveal()))
    speak.warning({
      code: 'value-odd',
      message: `the value of ${name} ${oddity}`,
      hint: 'it was stored as entered: if that is not what you meant, enter it again',
    })
  const reason = cannotHold(name, value.reveal())
  if (reason !== undefined)
    speak.warning({
      code: 'value-needs-file',
      message: `the value of ${name} ${reason}: no environment can hold it, and a start without --as-file ${name} fails`,
      hint: `disinto-entrypoint --as-file ${name} -- COMMAND, or DISINTO_AS_FILE=${name}, has the command read it from a file`,
    })
}
