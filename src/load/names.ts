/** Which names a file may set. */
import { failure } from '../errors.ts'
import { FLAGS, variableOf } from './option-list.ts'
import { TAKE_OVERS } from './take-over.ts'

const LEGAL = /^[A-Za-z_][A-Za-z0-9_]*$/

/**
 * Names that sops reads: those in the pinned program (test/differential/names.test.ts), and not all that begin alike. A
 * factory has others.
 */
const REFUSED: ReadonlyArray<readonly [name: string, reason: string]> = [
  ['SOPS_AGE_KEY', 'is a key of sops, or names one'],
  ['SOPS_AGE_KEY_CMD', 'is executed by sops'],
  ['SOPS_AGE_KEY_FILE', 'is a key of sops, or names one'],
  ['SOPS_AGE_RECIPIENT', 'decides who sops encrypts to'],
  ['SOPS_AGE_RECIPIENTS', 'decides who sops encrypts to'],
  ['SOPS_AGE_SSH_PRIVATE_KEY_CMD', 'is executed by sops'],
  ['SOPS_AGE_SSH_PRIVATE_KEY_FILE', 'is a key of sops, or names one'],
  ['SOPS_AZURE_KEYVAULT_URL', 'decides who sops encrypts to'],
  ['SOPS_AZURE_KEYVAULT_URLS', 'decides who sops encrypts to'],
  ['SOPS_CONFIG', 'changes what sops does'],
  ['SOPS_DECRYPTION_ORDER', 'changes what sops does'],
  ['SOPS_DISABLE_VERSION_CHECK', 'changes what sops does'],
  ['SOPS_EDITOR', 'is executed by sops'],
  ['SOPS_ENABLE_LOCAL_KEYSERVICE', 'changes what sops does'],
  ['SOPS_GCP_KMS_CLIENT_TYPE', 'changes what sops does'],
  ['SOPS_GCP_KMS_ENDPOINT', 'changes what sops does'],
  ['SOPS_GCP_KMS_IDS', 'decides who sops encrypts to'],
  ['SOPS_GCP_KMS_UNIVERSE_DOMAIN', 'changes what sops does'],
  ['SOPS_GPG_EXEC', 'is executed by sops'],
  ['SOPS_HC_VAULT_ALLOWLIST', 'changes what sops does'],
  ['SOPS_HUAWEICLOUD_KMS_IDS', 'decides who sops encrypts to'],
  ['SOPS_KEYSERVICE', 'changes what sops does'],
  ['SOPS_KMS_ARN', 'decides who sops encrypts to'],
  ['SOPS_PGP_FP', 'decides who sops encrypts to'],
  ['SOPS_VAULT_URIS', 'decides who sops encrypts to'],
]

/** With this before their names the image's ENTRYPOINT keeps variables that are for the command's Node, not ours. */
export const SAVED = 'DISINTO_SAVED_'

/**
 * Those that Node reads before its first line of JavaScript; the shim gives them back to the command. The directory of
 * NODE_COMPILE_CACHE is the command's, as a rule: what it puts there for our file Node runs in its place, as root. To those
 * of the last three our Node would write as root, or read data from them that nobody checks.
 */
export const SET_ASIDE = [
  'NODE_OPTIONS',
  'NODE_DEBUG',
  'NODE_COMPILE_CACHE',
  'NODE_V8_COVERAGE',
  'NODE_REDIRECT_WARNINGS',
  'NODE_ICU_DATA',
] as const

/** The names that they have then. */
export const SAVED_NAMES: readonly string[] = SET_ASIDE.map((name) => `${SAVED}${name}`)

/** What disinto itself reads: the variable of each option, and those that are no option. */
const OURS = [
  ...FLAGS.map(({ name }) => variableOf(name)),
  ...['DISINTO_LOG', 'DISINTO_DEBUG', 'DISINTO_PROPOSAL', 'DISINTO_ALLOWED_SIGNERS', 'DISINTO_ALLOW_MOUNT'],
  ...SAVED_NAMES,
]

/** All of them, each with its reason. */
const ALL = [
  ...TAKE_OVERS.flatMap(({ names }) => names),
  ...REFUSED,
  ...OURS.map((name) => [name, 'changes what disinto itself does'] as const),
]
const EXACT = new Map(ALL)
/** By their own text: a name is looked up once for each of their lengths, and not compared with each of them. */
const PREFIXES = new Map(
  ALL.flatMap(([pattern, reason]) =>
    pattern.endsWith('*') ? [[pattern.slice(0, -1), reason] as const] : [],
  ),
)
const PREFIX_LENGTHS = [...new Set([...PREFIXES.keys()].map(({ length }) => length))]

/** Whether an environment can hold this name. */
export function isLegalName(name: string): boolean {
  return LEGAL.test(name)
}

/** A value of NAME for one service, in a secret file of its own: NAME@SERVICE. */
const FOR_SERVICE = /^([A-Za-z_][A-Za-z0-9_]*)@([A-Za-z0-9_-][A-Za-z0-9_.-]{0,199})$/

/** The parts of the name NAME@SERVICE, of a secret for one service; undefined for any other name. */
export function partsOfName(name: string): { readonly name: string; readonly service: string } | undefined {
  if (!name.includes('@')) return undefined
  const [, own, service] = FOR_SERVICE.exec(name) ?? []
  return own === undefined || service === undefined ? undefined : { name: own, service }
}

/** The names that the command gets of a secret: those that `as` (--as) has for it, else its own. */
export function namesGiven(name: string, as: ReadonlyMap<string, string>): string[] {
  if (as.size === 0) return [name]
  const names = [...as].filter(([, source]) => source === name).map(([given]) => given)
  return names.length > 0 ? names : [name]
}

/** Why no file may set this name; undefined when it may. */
export function reasonAgainst(name: string): string | undefined {
  // npm takes its prefix in any case, and -_ alike.
  const known = /^npm_config_/i.test(name) ? name.toLowerCase() : name
  const exact = EXACT.get(known)
  if (exact !== undefined) return exact
  for (const length of PREFIX_LENGTHS) {
    const reason = PREFIXES.get(known.slice(0, length))
    if (reason !== undefined) return reason
  }
  return undefined
}

/** Throws unless a file may set this name: `path` is the file, `allow` the names let through by option. */
export function checkName(name: string, path: string, allow: ReadonlySet<string>): void {
  if (!LEGAL.test(name)) throw failure('name-bad', { path, name })
  if (allow.has(name)) return
  const reason = reasonAgainst(name)
  if (reason !== undefined) throw failure('name-refused', { path, name, reason })
}

/** The same for the name of a secret file, which may be one for a service: NAME@SERVICE may be what NAME may be. */
export function checkSecretName(name: string, path: string, allow: ReadonlySet<string>): void {
  checkName(partsOfName(name)?.name ?? name, path, allow)
}
