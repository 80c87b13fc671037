/** The shim's options, each with its variable. */
import type { Flag } from '../flags.ts'
import { ENGINES, USUAL_KEY_TYPES } from '../nouns.ts'

/** Every option; its variable is DISINTO_ and the name in upper case, with `_` for `-`. */
export const FLAGS: readonly Flag[] = [
  { name: 'root', value: 'DIR', about: 'where .env.enc and secrets/ are (default: the working directory)' },
  { name: 'env-file', value: 'FILE', about: 'an env file other than ROOT/.env.enc' },
  { name: 'secrets-dir', value: 'DIR', about: 'a directory other than ROOT/secrets' },
  { name: 'only', value: 'A,B', about: 'load these names and leave every other file unread' },
  {
    name: 'as',
    value: 'A=B',
    about: 'pass the value of B under the name A, and no B (B or B@SERVICE)',
  },
  { name: 'require', value: 'A,B', about: 'stop when one of these is missing or empty' },
  {
    name: 'require-any',
    about: 'stop when nothing was found, as in a wrong directory or without a mount',
  },
  { name: 'allow', value: 'NAME', about: 'allow a refused name, PATH for example' },
  { name: 'override', about: 'files win over the environment the shim was started with' },
  { name: 'keep-key', about: 'leave SOPS_AGE_KEY and its kin in the command’s environment' },
  { name: 'as-file', value: 'A,B', about: 'put these values in files on tmpfs and set A_FILE instead of A' },
  { name: 'redact', about: 'replace loaded values in what the command writes to stdout and stderr' },
  { name: 'no-expand', about: 'leave ${NAME} in the values of .env and .env.enc as it is' },
  { name: 'engine', value: 'NAME', about: `what decrypts: ${ENGINES.join(', ')}` },
  {
    name: 'key-types',
    value: 'A,B',
    about: `the kinds of keys that may open files (default: ${[...USUAL_KEY_TYPES].join(',')}; or kms, hc_vault, …)`,
  },
  { name: 'user', value: 'USER', about: 'become NAME or UID, or with :GROUP, before the command' },
  { name: 'allow-readable-key', about: 'start even where that user could read, move or replace the key' },
  {
    name: 'key-home',
    value: 'DIR',
    about: 'another home in which the key may be, as .config/sops/age/keys.txt',
  },
  { name: 'home', value: 'DIR', about: 'HOME for a command whose uid is not in /etc/passwd' },
  { name: 'check', about: 'do everything but run the command; list names, sources and formats' },
  { name: 'json', about: 'with --check: JSON' },
  { name: 'verbose', about: 'say what came from where, names only' },
  { name: 'summary', about: 'say in one line which names were loaded' },
  { name: 'started', about: 'exit with 0 once the command of this container runs, else with 1: for probes' },
  { name: 'help', about: 'show this help' },
  { name: 'version', about: 'show the version' },
]

/** The environment variable that stands for an option. */
export function variableOf(name: string): string {
  return `DISINTO_${name.toUpperCase().replaceAll('-', '_')}`
}
