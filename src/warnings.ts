/** What both programs warn of, by the rules of errors.ts. The host's own warnings: host/warnings.ts. */
import { type Catalogue, composerOf, type Fault, list, quote, type Texts } from './errors.ts'
import type { Warning } from './speak.ts'

/** At most so many names or lines in one warning. */
export const MOST = 8

const some = (names: readonly string[]): string =>
  `${list(names.slice(0, MOST))}${names.length > MOST ? ` and ${names.length - MOST} more` : ''}`

/** How to keep a key from others, by where it is. */
export function hintToHide(path: string): string {
  return path.startsWith('/run/secrets/')
    ? 'in Swarm give the secret uid 0 and mode 0400; compose ignores both for a file: let root own that file on the host, with mode 0600, or mount it where only root can enter'
    : `chmod 600 ${quote(path)}`
}

export const CORE_WARNINGS = {
  'plaintext-env': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: secrets in plaintext`,
    hint: 'disinto secrets migrate encrypts it to .env.enc',
  }),
  'plaintext-left': ({ path, names }: Texts<'path'> & { readonly names: readonly string[] }) => ({
    message: `${quote(path)}: plaintext left over beside .env.enc, which counts for ${some(names)}`,
    hint: 'compare the two, then take these lines out of .env',
  }),
  'file-nameless': ({ path, name, isAge }: Texts<'path' | 'name'> & { readonly isAge: boolean }) => ({
    message: `${quote(path)}: does not say which secret it holds, so that a copy under another name would be taken for that`,
    hint: isAge
      ? 'disinto secrets migrate makes a SOPS file of it, which has its name'
      : `disinto secrets show ${quote(name)} --raw | disinto secrets add ${quote(name)} --raw --force`,
  }),
  'name-doubled': ({ path, names }: Texts<'path'> & { readonly names: readonly string[] }) => ({
    message: `${quote(path)}: set twice, and the last counts: ${some(names)}`,
    hint: 'take one of the two out: disinto secrets edit, or sops edit',
  }),
  'value-unproved': ({ path, names }: Texts<'path'> & { readonly names: readonly string[] }) => ({
    message: `${quote(path)}: in the clear, and its MAC covers only what is encrypted, so that anyone can have written: ${some(names)}`,
    hint: 'take mac_only_encrypted out of .sops.yaml, and encrypt the file anew',
  }),
  'only-absent': ({ names }: { readonly names: readonly string[] }) => ({
    message: `--only: in no file: ${list(names)}`,
    hint: 'check the spelling; --require makes a missing name an error',
  }),
  'key-file-open': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: other users can read this key`,
    hint: hintToHide(path),
  }),
  'command-is-root': () => ({
    message: 'DISINTO_USER is empty, so that the command is root and can read the key',
    hint: 'leave DISINTO_USER as the image sets it, or name another user',
  }),
  'no-init': () => ({
    message:
      'the shim stays process 1 here, and waits for no process that the command leaves behind: they stay as zombies',
    hint: 'start the container with an init: docker run --init, init: true in compose',
  }),
} satisfies Catalogue

/** A warning with its words, for composerOf. */
export const asWarning = (code: string, fault: Fault): Warning => ({ code, ...fault })

/** Makes the warning for a code from the facts its message needs. */
export const warning = composerOf(CORE_WARNINGS, asWarning)
