/** What the host command warns of in more than one place, by the rules of catalogue.ts. */
import type { Catalogue, Texts } from '../catalogue.ts'
import { composerOf } from '../errors.ts'
import { list, quote } from '../quote.ts'
import { asWarning, CORE_WARNINGS } from '../warnings.ts'

export const HOST_WARNINGS = {
  'age-left': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: is an age file, which does not say who can open it`,
    hint: 'disinto secrets migrate converts it to a SOPS file',
  }),
  'file-copied': ({ path, other }: Texts<'path' | 'other'>) => ({
    message: `${quote(path)}: is a copy of ${quote(other)}, and opens to the same secret`,
    hint: `see which of the two is right (git log -- ${quote(path)}), and restore or remove the other`,
  }),
  'name-mismatch': ({
    path,
    name,
    names,
  }: Texts<'path' | 'name'> & { readonly names: readonly string[] }) => ({
    message: `${quote(path)}: must hold ${quote(name)} and nothing else, but holds ${list(names) || 'no name'}`,
    hint: 'put each secret in a file of its own, named after it',
  }),
  'secret-kept': ({ name }: Texts<'name'>) => ({
    message: `${quote(name)}: the compose file refers to it, but it is only in secrets/, which compose does not get`,
    hint: `an approved run gets it; for the stack: disinto up --allow-secret ${name}, or move it to .env.enc`,
  }),
  'container-older': ({ service }: Texts<'service'>) => ({
    message: `${quote(service)}: its container has the secrets from before their last change`,
    hint: 'disinto restart loads the current ones',
  }),
} satisfies Catalogue

const WARNINGS = { ...CORE_WARNINGS, ...HOST_WARNINGS }

/** Makes the warning for a code of the host or of both programs. */
export const warning = composerOf(() => WARNINGS, asWarning)
