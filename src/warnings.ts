/** What both programs warn of, by the rules of catalogue.ts. The host's own warnings: host/warnings.ts. */
import type { Catalogue, Fault, Texts } from './catalogue.ts'
import { composerOf } from './errors.ts'
import { list, quote } from './quote.ts'
import type { Warning } from './speak.ts'

/** At most so many names or lines in one warning. */
export const MOST = 8

const some = (names: readonly string[]): string =>
  `${list(names.slice(0, MOST))}${names.length > MOST ? ` and ${names.length - MOST} more` : ''}`

/** How to keep a key from others, by where it is. */
export function hintToHide(path: string): string {
  return path.startsWith('/run/secrets/')
    ? 'in Swarm, set uid 0 and mode 0400 on the secret; compose ignores both for a file: make root the owner of that file on the host, with mode 0600, or mount it in a directory that only root can enter'
    : `chmod 600 ${quote(path)}`
}

export const CORE_WARNINGS = {
  'plaintext-env': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: secrets in plaintext`,
    hint: 'disinto secrets migrate encrypts it to .env.enc',
  }),
  'plaintext-left': ({ path, names }: Texts<'path'> & { readonly names: readonly string[] }) => ({
    message: `${quote(path)}: plaintext left over beside .env.enc, which is used for ${some(names)}`,
    hint: 'compare the two, then remove these lines from .env',
  }),
  'file-nameless': ({ path, name, isAge }: Texts<'path' | 'name'> & { readonly isAge: boolean }) => ({
    message: `${quote(path)}: does not say which secret it holds, so a copy under another name would be taken for that secret`,
    hint: isAge
      ? 'disinto secrets migrate converts it to a SOPS file, which records its name'
      : `disinto secrets show ${quote(name)} --raw | disinto secrets add ${quote(name)} --raw --force`,
  }),
  'name-doubled': ({ path, names }: Texts<'path'> & { readonly names: readonly string[] }) => ({
    message: `${quote(path)}: set twice, and the last one is used: ${some(names)}`,
    hint: 'remove one of the two: disinto secrets edit, or sops edit',
  }),
  'value-unproved': ({ path, names }: Texts<'path'> & { readonly names: readonly string[] }) => ({
    message: `${quote(path)}: not encrypted, and its MAC covers only what is encrypted, so anyone could have written: ${some(names)}`,
    hint: 'remove mac_only_encrypted from .sops.yaml, and encrypt the file again',
  }),
  'only-absent': ({ names }: { readonly names: readonly string[] }) => ({
    message: `--only: not in any file: ${list(names)}`,
    hint: 'check the spelling; --require makes a missing name an error',
  }),
  'key-file-open': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: other users can read this key`,
    hint: hintToHide(path),
  }),
  'command-is-root': () => ({
    message: 'DISINTO_USER is empty, so the command runs as root and can read the key',
    hint: 'leave DISINTO_USER as the image sets it, or name another user',
  }),
  'no-init': () => ({
    message:
      'the shim stays process 1 here, and does not reap processes that the command leaves behind: they stay as zombies',
    hint: 'start the container with an init: docker run --init, init: true in compose',
  }),
} satisfies Catalogue

/** A warning with its words, for composerOf. */
export const asWarning = (code: string, fault: Fault): Warning => ({ code, ...fault })

/** Makes the warning for a code from the facts its message needs. */
export const warning = composerOf(() => CORE_WARNINGS, asWarning)
