/** What must not be pushed of one file, told from its name and bytes without a key. */

import { dearmor } from '../../age/armor.ts'
import { AgeFault } from '../../age/fault.ts'
import { parseAgeFile, parseBinaryAgeFile } from '../../age/file.ts'
import { DisintoError } from '../../errors.ts'
import { parseDotenv } from '../../load/dotenv.ts'
import { detectFormat } from '../../load/format.ts'
import { checkName, checkSecretName } from '../../load/names.ts'
import type { Format } from '../../nouns.ts'
import { quote } from '../../quote.ts'
import { parseEnvelope } from '../../sops/envelope.ts'
import { SopsFault } from '../../sops/fault.ts'
import { areSameKeys, bareKey, keysWithout } from '../../sops/master-key.ts'
import { type Outside, readOutside } from '../../sops/outside.ts'
import { readYamlTree } from '../../sops/outside-yaml.ts'
import { DEFAULT_SUFFIX, selectorOf } from '../../sops/rule.ts'
import type { CreationRule } from '../access/rules.ts'
import type { Finding } from '../finding.ts'
import { warning as wordsOf } from '../warnings.ts'

/** A finding about one file; an `error` makes the check fail. */
export interface CheckFinding extends Finding {
  readonly file: string
}

/** What a file is by its name: plaintext that git must not have, ciphertext, keys; undefined is none of ours. */
export type Kind = 'plain-env' | 'env' | 'secret' | 'sealed' | 'keys'

/** Returns what a path stands for. */
export function kindOfPath(path: string): Kind | undefined {
  const parts = path.split('/')
  const name = parts.at(-1) ?? ''
  if (name === 'keys.txt') return 'keys'
  if (/^\.env(?:\..+)?\.enc$/.test(name)) return 'env'
  if (name.endsWith('.enc')) return parts.at(-2) === 'secrets' ? 'secret' : 'sealed'
  if (/.\.(?:enc|sops)\.[^.]+$/.test(name)) return 'sealed'
  const [, suffix] = /^\.env(?:\.(.+))?$/.exec(name) ?? []
  if (name === '.env' || (suffix !== undefined && !/^(?:example|sample|template|dist|schema)$/.test(suffix)))
    return 'plain-env'
  return undefined
}

type Facts = Omit<CheckFinding, 'file' | 'severity'>

/** What is to be known of a file beside itself. */
export interface Surroundings {
  /** The rule for it; undefined where no .sops.yaml is in force, or none of its rules is for it. */
  readonly rule: CreationRule | undefined
  /** Recipients of the rule that were not accepted on this machine. */
  readonly unaccepted: readonly string[]
  /** Whether a name in a plaintext file is that of a secret; undefined where every one counts as such. */
  readonly isSecret: ((name: string) => boolean) | undefined
  /** Names that are let through although they would take over the command. */
  readonly allow: ReadonlySet<string>
}

/** Findings of a plaintext file: it may hold names, and no value. */
async function plainFindings(
  path: string,
  bytes: Buffer,
  isSecret: (name: string) => boolean = () => true,
): Promise<Facts[]> {
  const values = (await parseDotenv(bytes.toString())).filter(
    ([name, value]) => value !== '' && isSecret(name),
  )
  if (values.length === 0) return []
  return [
    {
      code: 'plaintext-env',
      message: `${quote(path)}: ${values.length} secret${values.length === 1 ? '' : 's'} in plaintext`,
      hint: `disinto secrets migrate encrypts it; git rm --cached ${quote(path)} removes it from git, and .gitignore keeps it out`,
    },
  ]
}

/** A value that SOPS has encrypted, to its last mark (aes/cipher.go). */
const WELL_FORMED =
  /^ENC\[AES256_GCM,data:[A-Za-z0-9+/]*={0,2},iv:[A-Za-z0-9+/]+={0,2},tag:[A-Za-z0-9+/]+={0,2},type:(?:str|int|float|bool|bytes|comment|time)\]$/

/** What is wrong with the age file that holds the data key for one recipient. */
function keyFault(enc: string): string | undefined {
  try {
    const { stanzas } = parseBinaryAgeFile(dearmor(enc)).header
    // What is there to keep readers honest has a type that nobody knows (age, "grease").
    const known = stanzas.filter(({ type }) =>
      /^(?:X25519|scrypt|mlkem768x25519|piv-p256|ssh-.*)$/.test(type),
    )
    return known.length > 1 ? 'hidden' : undefined
  } catch (error) {
    if (error instanceof AgeFault || error instanceof SopsFault) return 'broken'
    throw error
  }
}

/** Why sops would refuse the file whatever key it had; undefined when it would not. */
async function formFault(bytes: Buffer, format: Format, outside: Outside): Promise<string | undefined> {
  if (!outside.whole) return 'it can’t be taken apart'
  if (outside.mac === undefined) return 'it has no MAC'
  if (outside.lastModified === undefined || Number.isNaN(Date.parse(outside.lastModified)))
    return 'it does not say when it was encrypted'
  if (outside.version === undefined) return 'it does not say by which version of sops'
  if (outside.recipients.length === 0) return 'it is encrypted to nobody'
  if (!WELL_FORMED.test(outside.mac)) return 'its MAC is incomplete'
  if (outside.ageKeys.some(({ enc }) => keyFault(enc) === 'broken'))
    return 'the data key of a recipient is incomplete'
  const broken = outside.values.find(({ ciphertext }) => {
    if (ciphertext === undefined || ciphertext === '') return false
    // Of lists and maps the parts are not told apart here.
    return !ciphertext.includes(' ') && ciphertext.startsWith('ENC[') && !WELL_FORMED.test(ciphertext)
  })
  if (broken !== undefined) return `the value of ${quote(broken.name)} is incomplete`
  if (format !== 'sops-dotenv' && format !== 'sops-json' && format !== 'sops-binary') return undefined
  try {
    await parseEnvelope(bytes, format)
    return undefined
  } catch (error) {
    if (error instanceof SopsFault) return error.message
    throw error
  }
}

/** The recipients that a file has and its rule does not name, and those that it lacks. */
function recipientFindings(path: string, outside: Outside, { rule, unaccepted }: Surroundings): Facts[] {
  const findings: Facts[] = []
  if (outside.ageKeys.some(({ enc }) => keyFault(enc) === 'hidden'))
    findings.push({
      code: 'recipient-hidden',
      message: `${quote(path)}: a recipient's data key is encrypted to a second one, which the file does not name`,
      hint: 'encrypt it again (disinto secrets rotate-key), and change what is in it at its issuer if it was pushed',
    })
  if (unaccepted.length > 0)
    findings.push({
      code: 'recipient-unaccepted',
      message: `${quote(path)}: .sops.yaml names ${unaccepted.map(bareKey).map(quote).join(', ')}, which nobody has accepted on this machine`,
      hint: 'say yes only if you know who owns it: disinto secrets recipients accept',
    })
  if (rule === undefined) return findings
  const extra = keysWithout(outside.recipients, rule.recipients)
  const missing = keysWithout(rule.recipients, outside.recipients)
  if (extra.length > 0)
    findings.push({
      code: 'recipients-planted',
      message: `${quote(path)}: encrypted to ${extra.map(bareKey).map(quote).join(', ')}, which .sops.yaml does not name`,
      hint: 'to let that key in: disinto secrets recipients add; if not, restore the file, or encrypt it again: disinto secrets edit',
    })
  if (missing.length > 0)
    findings.push({
      code: 'recipients-missing',
      message: `${quote(path)}: not encrypted to ${missing.map(bareKey).map(quote).join(', ')}, which .sops.yaml names`,
      hint: `someone who can open it must run: sops updatekeys --input-type ${(outside.format ?? 'sops-json').replace('sops-', '')} ${quote(path)}`,
    })
  const alike =
    outside.groups.length === rule.groups.length &&
    outside.threshold === rule.threshold &&
    outside.groups.every((keys, at) => areSameKeys(keys, rule.groups[at] ?? []))
  if (!alike && extra.length + missing.length === 0)
    findings.push({
      code: 'recipients-regrouped',
      message: `${quote(path)}: .sops.yaml needs a different combination of keys from the one that opens it`,
      hint: 'encrypt it again by the rules: disinto secrets edit',
    })
  return findings
}

/** The name that a secret file must hold: NAME of NAME.enc, NAME@SERVICE of NAME@SERVICE.enc. */
export function secretNameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1).replace(/\.enc$/, '')
}

function nameFindings(path: string, kind: Kind, outside: Outside, allow: ReadonlySet<string>): Facts[] {
  const findings: Facts[] = []
  const own = secretNameOf(path)
  const checked = new Map<Kind, readonly string[]>([
    ['secret', [own]],
    ['env', outside.names],
  ])
  for (const name of checked.get(kind) ?? []) {
    try {
      if (kind === 'secret') checkSecretName(name, path, allow)
      else checkName(name, path, allow)
    } catch (error) {
      if (!(error instanceof DisintoError)) throw error
      findings.push({ code: error.code, message: error.message, hint: error.hint })
    }
  }
  const named = outside.format !== 'age' && outside.format !== 'sops-binary'
  const wrong = kind === 'secret' && named && (outside.values.length !== 1 || outside.names[0] !== own)
  // `{"data": …}` is a binary file of sops and a secret of that name alike.
  if (wrong && outside.whole)
    findings.push(wordsOf('name-mismatch', { path, name: own, names: outside.names }))
  return findings
}

/**
 * The names whose values stand in the clear although the rule for the file does not ask for it; the file's own word for
 * it is only a claim. A rule about comments or about what lies below names is taken at its word.
 */
async function wronglyClear(
  { clear, format }: Outside,
  rule: CreationRule | undefined,
): Promise<readonly string[]> {
  const { name, text } = rule?.encrypts ?? { name: 'unencrypted_suffix', text: DEFAULT_SUFFIX }
  if (name === 'unencrypted_suffix' && text === DEFAULT_SUFFIX) return clear
  if (name.includes('comment') || (format !== 'sops-dotenv' && format !== 'sops-json')) return []
  const selector = await selectorOf({ name, text })
  return selector === undefined ? clear : clear.filter((one) => selector.value(one))
}

const errorIn = (file: string, facts: Facts): CheckFinding => ({ file, severity: 'error', ...facts })
const warningIn = (file: string, facts: Facts): CheckFinding => ({ file, severity: 'warning', ...facts })

function ageFinding(path: string, bytes: Buffer): CheckFinding {
  try {
    parseAgeFile(bytes)
    return warningIn(path, wordsOf('age-left', { path }))
  } catch (thrown) {
    if (!(thrown instanceof AgeFault)) throw thrown
    return errorIn(path, {
      code: 'form',
      message: `${quote(path)}: is incomplete`,
      hint: `git checkout -- ${quote(path)} restores it`,
    })
  }
}

async function sealedFindings(
  path: string,
  kind: Kind,
  bytes: Buffer,
  surroundings: Surroundings,
): Promise<CheckFinding[]> {
  const { rule, allow } = surroundings
  const error = (facts: Facts) => errorIn(path, facts)
  const format = detectFormat(bytes, { plaintextAllowed: false })
  if (/^<{7} /m.test(bytes.toString('latin1')))
    return [
      error({
        code: 'conflict-markers',
        message: `${quote(path)}: has git conflict markers, so nothing opens it`,
        hint: `git checkout --ours -- ${quote(path)}, or --theirs; disinto git setup has git merge it by name`,
      }),
    ]
  // Others call their own ciphertext .enc, too.
  if (format === undefined && kind === 'sealed') return []
  if (format === undefined || (format === 'age' && kind === 'env'))
    return [
      error({
        code: 'not-encrypted',
        message: `${quote(path)}: ${bytes.length === 0 ? 'is empty' : 'is not encrypted, or is incomplete'}`,
        hint: `git checkout -- ${quote(path)} restores it; if it was pushed, change what is in it at its issuer`,
      }),
    ]
  const outside = await readOutside(bytes, format, readYamlTree)
  const findings = nameFindings(path, kind, outside, allow).map(error)
  if (format === 'age') return [...findings, ageFinding(path, bytes)]
  const fault = await formFault(bytes, format, outside)
  if (fault !== undefined)
    findings.push(
      error({
        code: 'form',
        message: `${quote(path)}: sops would refuse it: ${fault}`,
        hint: `git checkout -- ${quote(path)} restores it`,
      }),
    )
  const clear = await wronglyClear(outside, rule)
  if (clear.length > 0)
    findings.push(
      error({
        code: 'value-in-clear',
        message: `${quote(path)}: not encrypted inside an encrypted file: ${clear.map(quote).join(', ')}`,
        hint: 'change these at their issuers, then encrypt the file again: disinto secrets edit',
      }),
    )
  if (outside.clearComments > 0 && (rule?.encrypts.name ?? 'unencrypted_suffix') === 'unencrypted_suffix')
    findings.push(
      warningIn(path, {
        code: 'comment-in-clear',
        message: `${quote(path)}: ${outside.clearComments} comments are not encrypted`,
        hint: 'disinto secrets edit encrypts the file with its comments; check what they say',
      }),
    )
  return [...findings, ...recipientFindings(path, outside, surroundings).map(error)]
}

/** Looks at one file, whatever its kind; a file that is none of ours counts only if it is encrypted. */
export async function examineFile(
  path: string,
  bytes: Buffer,
  surroundings: Surroundings,
): Promise<CheckFinding[]> {
  const format = detectFormat(bytes)
  const named = kindOfPath(path) ?? (format === undefined ? undefined : 'sealed')
  if (named === undefined) return []
  // A `.env` that is a SOPS file is one: it can hold lines that somebody has added in the clear.
  const inPlace = format === 'age' ? 'sealed' : 'env'
  const kind = named === 'plain-env' && format !== undefined ? inPlace : named
  if (kind === 'plain-env')
    return (await plainFindings(path, bytes, surroundings.isSecret)).map((facts) => ({
      file: path,
      severity: 'error',
      ...facts,
    }))
  if (kind === 'keys') {
    if (!/^AGE-(?:SECRET-KEY|PLUGIN)-/m.test(bytes.toString('latin1'))) return []
    return [
      {
        file: path,
        code: 'key-in-git',
        severity: 'error',
        message: `${quote(path)}: holds a private key`,
        hint: `git rm --cached ${quote(path)}; if it was pushed: disinto secrets rotate-key, and change every secret at its issuer`,
      },
    ]
  }
  return sealedFindings(path, kind, bytes, surroundings)
}
