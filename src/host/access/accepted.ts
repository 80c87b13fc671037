/**
 * The creation rules that were accepted on this machine. Who may read what we write comes from them: whoever
 * can change .sops.yaml in a repository must not become a reader by that alone (DESIGN.md §1, "Authority").
 */
import { join, relative } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { DisintoError } from '../../errors.ts'
import { quote } from '../../quote.ts'
import { keysWithout, uniqueKeys } from '../../sops/master-key.ts'
import { VERSION } from '../../version.ts'
import type { HostContext } from '../context.ts'
import { failure } from '../errors.ts'
import { type Accepted, acceptedState, saveAccepted } from './accepted-record.ts'
import { ownersOf } from './keys.ts'
import { type CreationRule, type CreationRules, findRules, isOurs, parseRules, rulesFrom } from './rules.ts'
import type { RawRule } from './rules-text.ts'

/** Has these rules count as accepted: the operator has made them, or said yes. */
export async function acceptRules(context: HostContext, rules: CreationRules): Promise<void> {
  const raw = rules.rules.map((rule) => rule.raw)
  // What JSON can't hold, a date for example, is read again each time.
  const read = isDeepStrictEqual(JSON.parse(JSON.stringify(raw)), raw) && { by: VERSION, rules: raw }
  const path = relative(context.project.root, rules.path)
  await saveAccepted(context, { path, text: rules.text, ...(read && { read }) })
}

/** It was checked before it was kept, and whoever can change it has the operator's key. */
function isRules(value: unknown): value is readonly RawRule[] {
  return Array.isArray(value) && value.every((rule) => typeof rule === 'object' && rule !== null)
}

/** What accepted rules were read as, by this version. */
function readAs({ read }: Accepted): readonly RawRule[] | undefined {
  return read?.by === VERSION && isRules(read.rules) ? read.rules : undefined
}

/**
 * The rules in force, as findRules returns them. Rules that were accepted are not read as YAML again, which takes longer than
 * all else that `secrets add` does.
 */
export async function rulesInForce(context: HostContext): Promise<CreationRules | undefined> {
  const state = acceptedState(context)
  const { root } = context.project
  const known = state && readAs(state)
  const isState = (path: string, text: string) => text === state?.text && relative(root, path) === state.path
  const rules = await findRules(root, (path, text) => (isState(path, text) ? known : undefined))
  if (rules === undefined || known !== undefined || !isState(rules.path, rules.text)) return rules
  try {
    // Accepted by another version.
    await acceptRules(context, rules)
  } catch (error) {
    // Where nothing can be kept it is read again the next time.
    if (!(error instanceof DisintoError)) throw error
  }
  return rules
}

/** Whether these are the rules that were accepted here, to the letter and at the same place. */
export function isAcceptedAsIs(context: HostContext, rules: CreationRules): boolean {
  const state = acceptedState(context)
  return state?.text === rules.text && state.path === relative(context.project.root, rules.path)
}

/** The rules that were accepted here; undefined when none were, or it can't be kept which. */
export async function acceptedRules(context: HostContext): Promise<CreationRules | undefined> {
  const state = acceptedState(context)
  if (state === undefined) return undefined
  const [path, known] = [join(context.project.root, state.path), readAs(state)]
  return known === undefined ? parseRules(path, state.text) : rulesFrom(path, state.text, known)
}

export interface Newcomers {
  readonly recipients: readonly string[]
  /** Whether keys that had to come together need not any more. */
  readonly loosened: boolean
}

function ruleOf(rules: CreationRules, path: string): CreationRule | undefined {
  try {
    return rules.for(path)
  } catch {
    return undefined
  }
}

/** Whether fewer keys together open what a rule is for, or keys of another group do. */
function isLooser(rule: CreationRule, before: CreationRule): boolean {
  const fewer = rule.groups.length < before.groups.length || rule.threshold < before.threshold
  const moved =
    before.groups.length > 1 &&
    rule.groups.some((keys, at) => keysWithout(keys, before.groups[at] ?? []).length > 0)
  return fewer || moved
}

/** Who could read a file by a rule, and could not by the one that was accepted. */
export function newcomersOf(rule: CreationRule, accepted: CreationRules, path: string): Newcomers {
  const before = ruleOf(accepted, path)
  if (before === undefined) return { recipients: rule.recipients, loosened: false }
  return { recipients: keysWithout(rule.recipients, before.recipients), loosened: isLooser(rule, before) }
}

async function whom(context: HostContext, recipients: readonly string[]): Promise<string> {
  const owners = await ownersOf(context)
  const named = recipients.map((recipient) => {
    const owner = owners.get(recipient)
    return owner === undefined ? quote(recipient) : `${quote(recipient)} (${owner})`
  })
  return named.join(', ') || 'nobody'
}

/** Says whom rules name that are seen for the first time on this machine, and accepts them. */
export async function acceptFirst(context: HostContext, rules: CreationRules): Promise<void> {
  const { project, speak } = context
  const named = (path: string) => ruleOf(rules, path)?.recipients ?? []
  const env = named(project.envFile)
  const secrets = named(project.secretFile('NAME'))
  const others = keysWithout(uniqueKeys(rules.rules.flatMap(({ recipients }) => recipients)), [
    ...env,
    ...secrets,
  ])
  const parts = [
    `.env.enc can be opened by ${await whom(context, env)}`,
    `new secrets by ${await whom(context, secrets)}`,
  ]
  if (others.length > 0) parts.push(`other rules name ${await whom(context, others)}`)
  if (!isOurs(rules.path, project.root)) {
    speak.warning(failure('rules-writable', { path: rules.path }))
  }
  speak.note(`${quote(rules.path)}: accepted on first use: ${parts.join('; ')}`)
  try {
    await acceptRules(context, rules)
  } catch (error) {
    // A home that can't be written to: then every time is the first.
    if (!(error instanceof DisintoError)) throw error
    speak.warning({ code: error.code, message: error.message, hint: 'what was accepted could not be saved' })
  }
}

/** A file of a project with what is new about who may read it. */
export interface NewReaders extends Newcomers {
  readonly path: string
  /** The place of its rule in .sops.yaml. */
  readonly rule: number
}

/** What is new in the rules about these files; nothing where no rules were accepted yet. */
export async function newReaders(
  context: HostContext,
  rules: CreationRules,
  paths: readonly string[],
): Promise<NewReaders[]> {
  if (isAcceptedAsIs(context, rules)) return []
  const accepted = await acceptedRules(context)
  if (accepted === undefined) return []
  return paths.flatMap((path) => {
    const rule = ruleOf(rules, path)
    if (rule === undefined) return []
    const found = newcomersOf(rule, accepted, path)
    return found.recipients.length > 0 || found.loosened ? [{ path, rule: rule.index, ...found }] : []
  })
}

const patternOf = ({ raw }: CreationRule): string => raw.path_regex ?? ''

/**
 * What the files of an accepted rule may have got by its being gone: another rule is theirs now, and which one, for a file
 * that is not there yet, nobody can tell. Only a rule that stood before it fits none of them.
 */
function newByLoss(before: CreationRule, accepted: CreationRules, rules: CreationRules): Newcomers {
  const earlier = new Set(accepted.rules.slice(0, before.index).map(patternOf))
  const heirs = rules.rules.filter((rule) => !earlier.has(patternOf(rule)))
  const named = uniqueKeys(heirs.flatMap(({ recipients }) => recipients))
  return {
    recipients: keysWithout(named, before.recipients),
    loosened: heirs.some((rule) => isLooser(rule, before)),
  }
}

/**
 * What is new in any of the rules, also in those for files that are not there yet: for a command that has the whole
 * .sops.yaml count as accepted. Each is told by its place in the file, or, gone, in the one that was accepted.
 */
export async function newInRules(context: HostContext, rules: CreationRules): Promise<NewReaders[]> {
  if (isAcceptedAsIs(context, rules)) return []
  const accepted = await acceptedRules(context)
  if (accepted === undefined) return []
  const known = accepted.rules.map(patternOf)
  const now = new Set(rules.rules.map(patternOf))
  const at = (name: string) => join(context.project.root, name)
  const found = rules.rules.map((rule): NewReaders => {
    const before = accepted.rules.find((one) => patternOf(one) === patternOf(rule))
    const recipients = keysWithout(rule.recipients, before?.recipients ?? [])
    const loosened = before !== undefined && isLooser(rule, before)
    return { path: at(`rule ${rule.index + 1}`), rule: rule.index, recipients, loosened }
  })
  const gone = accepted.rules
    .filter((before) => !now.has(patternOf(before)))
    .map((before): NewReaders => {
      const path = at(`rule ${before.index + 1} as it was accepted, which is gone`)
      return { path, rule: -1, ...newByLoss(before, accepted, rules) }
    })
  // The first rule that fits counts: in another order the same rules say something else.
  const common = rules.rules.map(patternOf).filter((one) => known.includes(one))
  const inOrder = common.every(
    (one, place) => place === 0 || known.indexOf(one) > known.indexOf(common[place - 1] ?? ''),
  )
  return [
    ...[...found, ...gone].filter(({ recipients, loosened }) => recipients.length > 0 || loosened),
    ...(inOrder ? [] : [{ path: rules.path, rule: -1, recipients: [], loosened: true }]),
  ]
}
