/**
 * What it means when sops refuses a file. Its own text is not shown as it is: "Input string hunter2 does not match
 * sops' data format" is one of its messages.
 */
import type { Keyring } from '../age/sources.ts'
import type { Ended } from '../child.ts'
import { type DisintoError, failure } from '../errors.ts'
import { damageOf } from '../load/damage.ts'
import type { Document, KeyType } from '../nouns.ts'
import { kindOf } from './master-key.ts'
import { readOutside } from './outside.ts'

/** The data does not pass its authentication; the text has a value or a hash of all of them in it. */
const TAMPERED =
  /MAC mismatch|Cannot decrypt MAC|Error decrypting tree|message authentication failed|No keys found in file/
const NO_DATA_KEY = /Failed to get the data key/
/** The data key's own age file is broken: then no identity would open it. */
const BROKEN_STANZA = /failed to read header|failed to copy decrypted data|invalid armor|bad header MAC/

/** Begins the metadata that SOPS adds to a file, by format; before it stand names, comments and values. */
const METADATA = /^(?:sops_|sops:|\[sops\]|[ \t]*"sops":)/m
/** More words of sops than this are not shown, nor looked up in the file. */
const MOST_WORDS = 100

/** The age recipients that a file names, for messages. Of YAML, which only sops reads here, those on lines of their own. */
export async function recipientsOf({ bytes, format }: Document): Promise<string[]> {
  if (format === 'sops-yaml') {
    const lines = bytes.toString().split('\n')
    return lines
      .map((line) => line.trim().replace(/^- /, ''))
      .filter((line) => line.startsWith('recipient: '))
      .map((line) => line.slice('recipient: '.length))
  }
  return (await readOutside(bytes, format)).recipients.filter((name) => kindOf(name) === 'age')
}

/** sops wraps its reasons into a box of "| " lines. */
export function unwrap(stderr: Buffer): string {
  return stderr
    .toString()
    .split('\n')
    .map((line) => line.replace(/^\s*(?:- )?\|\s?/, '').trim())
    .filter((line) => line !== '')
    .join(' ')
}

/**
 * sops' text with every word left out that could be a value or a part of one: what is no plain word, unless it is known
 * from elsewhere (`isKnown`); and any word that stands in the secret.
 */
export function plainWords(text: string, secret: string, isKnown: (word: string) => boolean): string {
  const isHarmless = (word: string) => {
    const bare = /^.*[\w/]/s.exec(word.replace(/^[^\w/]+/, ''))?.[0] ?? ''
    if (bare.length >= 4 && secret.includes(bare)) return false
    return /^(?:[A-Za-z]{0,20}|\d{1,3})$/.test(bare) || isKnown(bare)
  }
  return text
    .split(/\s+/, MOST_WORDS)
    .map((word) => (isHarmless(word) ? word : '[…]'))
    .join(' ')
    .slice(0, 400)
}

/**
 * What sops says of a file, without values. Known are the words of its metadata (a key's ARN, a recipient); secret is what
 * stands before that, and what sops wrote to standard output.
 */
export function withoutValues(text: string, document: Document, stdout: Buffer): string {
  const file = document.bytes.toString()
  const start = file.search(METADATA)
  const metadata = start === -1 ? '' : file.slice(start)
  const secret = `${start === -1 ? file : file.slice(0, start)}\n${stdout.toString()}`
  return plainWords(text, secret, (word) => metadata.includes(word) || word === document.source.path)
}

/** The public halves of the identities that were tried, as far as they can be told at once. */
function publicHalves({ identities }: Keyring): string[] {
  return identities.map((identity) => {
    if (identity.kind === 'x25519') return identity.recipient
    return identity.kind === 'package' ? 'a post-quantum identity' : identity.what
  })
}

/** Why no identity at hand opened a file: there is none, one can't be read, or they are others'. */
export function keyRefusal(path: string, recipients: readonly string[], keyring: Keyring): DisintoError {
  const [unusable] = keyring.unusable
  if (unusable !== undefined)
    return failure('key-unreadable', { path, place: unusable.place, reason: unusable.reason })
  if (keyring.identities.length === 0) return failure('key-missing', { path, files: keyring.files })
  return failure('key-wrong', { path, recipients, tried: publicHalves(keyring) })
}

/** What Go and the services' own libraries say when nobody answers, and when somebody says no. */
const SILENT =
  /connection refused|no such host|i\/o timeout|deadline exceeded|is unreachable|connection reset|server misbehaving|TLS handshake|x509:|unexpected EOF/
const REFUSED =
  /Code: 4\d\d|StatusCode: 4\d\d|permission denied|AccessDenied|UnrecognizedClient|ExpiredToken|failed to (?:refresh|retrieve)|no EC2 IMDS role|DisabledException|missing client token/

/** What sops says of an identity behind a passphrase that nobody can be asked for (age's term.ReadPassword). */
const NO_TERMINAL = /could not read passphrase: standard input is not a terminal/

/** The error for a key that a service keeps; undefined where what sops says is about no service. */
function serviceRefusal(path: string, text: string, used: readonly KeyType[]): DisintoError | undefined {
  const types = used.filter((type) => type !== 'age' && type !== 'pgp')
  if (types.length === 0) return undefined
  if (SILENT.test(text)) return failure('key-service-silent', { path, types })
  return REFUSED.test(text) ? failure('key-service-refused', { path, types }) : undefined
}

/**
 * The error for a file that sops did not decrypt. `readKeys` is asked only when a key is the matter; `used` are the kinds
 * of keys that sops had to choose from.
 */
export async function refusalOf(
  document: Document,
  ended: Ended,
  readKeys: () => Promise<Keyring>,
  used: readonly KeyType[] = [],
): Promise<DisintoError> {
  const { path } = document.source
  const text = unwrap(ended.stderr)
  const tampered = () => damageOf(path, document.bytes) ?? failure('file-tampered', { path })
  if (TAMPERED.test(text)) return tampered()
  if (/sops metadata not found/.test(text)) return failure('source-not-encrypted', { path })
  if (NO_DATA_KEY.test(text)) {
    if (BROKEN_STANZA.test(text)) return tampered()
    const service = serviceRefusal(path, text, used)
    if (service !== undefined) return service
    if (NO_TERMINAL.test(text)) return failure('key-passphrase', { path })
    const recipients = await recipientsOf(document)
    if (recipients.length > 0) return keyRefusal(path, recipients, await readKeys())
  }
  const damage = damageOf(path, document.bytes)
  if (damage !== undefined) return damage
  const words = withoutValues(text, document, ended.stdout)
  return failure('sops-failed', {
    path,
    type: document.format.replace('sops-', ''),
    text: words || `exit status ${ended.status ?? 'none, a signal ended it'}`,
  })
}
