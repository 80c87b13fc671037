/** The merge driver: opens three versions, merges them by name and encrypts, all in memory. */
import { basename, dirname, resolve } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { DisintoError, errnoOf } from '../../errors.ts'
import { parseDotenv } from '../../load/dotenv.ts'
import { readRegular } from '../../load/read.ts'
import type { Document, Source } from '../../nouns.ts'
import { quote } from '../../quote.ts'
import { areSameKeys, hasKey, keysWithout } from '../../sops/master-key.ts'
import { acceptedState } from '../access/accepted-record.ts'
import { ownersOf } from '../access/keys.ts'
import { type CreationRule, type CreationRules, rulesOf } from '../access/rules.ts'
import type { HostContext } from '../context.ts'
import { failure } from '../errors.ts'
import { writeFile } from '../files/write.ts'
import { projectAt } from '../project.ts'
import { type Audience, audienceWithin } from '../store/audience.ts'
import { ensureAccepted } from '../store/consent.ts'
import { namesOfCopy } from '../store/grant.ts'
import { outsideOf, readOutsideOf } from '../store/inventory.ts'
import { documentOf, openWith } from '../store/open.ts'
import { checkReaders } from '../store/proved-readers.ts'
import { sealContent } from '../store/seal.ts'
import { type Entry, mergeByName, nameTwice } from './merge.ts'
import { contentOf, type Version, versionOf } from './versions.ts'

/** What git hands a merge driver (gitattributes(5)): three files, of which `ours` gets the result, and the name. */
export interface DriverFiles {
  readonly ancestor: string
  readonly ours: string
  readonly theirs: string
  /** Where the file is in the work tree. */
  readonly path: string
}

interface OpenedVersion {
  readonly document: Document
  readonly version: Version
}

/** The source that a path stands for, and the directory of its project. */
export function placeOf(path: string): { readonly source: Source; readonly root: string } {
  const directory = dirname(path)
  if (basename(directory) === 'secrets') {
    const name = basename(path).replace(/\.enc$/, '')
    return { source: { role: 'secret', path, name }, root: dirname(directory) }
  }
  return { source: { role: 'env-file', path, plaintextAllowed: false }, root: directory }
}

/** Returns why a version can't be merged by name; undefined when it can. */
function whyNot({ kind, entries }: Version, source: Source): string | undefined {
  if (source.role === 'secret' && kind !== 'binary') {
    // A file that is called otherwise is a copy of another, and would be encrypted for those who may read this one.
    const other = entries.find((entry) => entry.kind === 'value' && entry.name !== source.name)
    if (other?.kind === 'value') return `it holds ${quote(other.name)}, which is not its name`
  }
  const twice = nameTwice(entries)
  return twice === undefined ? undefined : `${quote(twice)} is in it twice`
}

/** Opens one version; undefined for an ancestor that does not have the file. */
async function openVersion(
  context: HostContext,
  { source, path }: { readonly source: Source; readonly path: string },
  side: string,
): Promise<OpenedVersion | undefined> {
  let bytes: Buffer
  try {
    bytes = readRegular(path)
  } catch (error) {
    throw failure('merge-unopened', { path: source.path, side, reason: errnoOf(error) })
  }
  if (bytes.length === 0) return undefined
  const document = documentOf({ ...source, path }, bytes)
  try {
    const { plaintext } = await openWith(context)(document)
    const version = versionOf(document, plaintext)
    const impossible = (reason: string) =>
      failure('merge-impossible', { path: source.path, reason: `${side}: ${reason}` })
    if ('reason' in version) throw impossible(version.reason)
    const reason = whyNot(version, source)
    if (reason !== undefined) throw impossible(reason)
    return { document, version }
  } catch (error) {
    if (!(error instanceof DisintoError) || error.code === 'merge-impossible') throw error
    throw failure('merge-unopened', { path: source.path, side, reason: error.code })
  }
}

/** The names among these for which two dotenv lines mean the same value to the command. */
async function meantAlike(
  names: readonly string[],
  one: readonly Entry[],
  other: readonly Entry[],
): Promise<Set<string>> {
  const byName = (entries: readonly Entry[]) =>
    new Map(entries.flatMap((entry) => (entry.kind === 'value' ? [[entry.name, entry.content]] : [])))
  const [first, second] = [byName(one), byName(other)]
  const valueIn = async (
    contents: ReadonlyMap<string, string>,
    name: string,
  ): Promise<string | undefined> => {
    const content = contents.get(name)
    return content === undefined ? undefined : new Map(await parseDotenv(content)).get(name)
  }
  const alike = new Set<string>()
  for (const name of names) {
    const value = await valueIn(first, name)
    if (value !== undefined && value === (await valueIn(second, name))) alike.add(name)
  }
  return alike
}

/** Whether a version is encrypted to an audience and nobody else: then it can stay as it is. */
async function isFor({ document }: OpenedVersion, audience: Audience): Promise<boolean> {
  const { groups, threshold } = await outsideOf(document.source)
  return (
    groups.length === audience.groups.length &&
    threshold === audience.threshold &&
    groups.every((keys, at) => areSameKeys(keys, audience.groups[at] ?? []))
  )
}

async function readersOf(version: OpenedVersion | undefined): Promise<readonly string[]> {
  return version === undefined ? [] : (await readOutsideOf(version.document.bytes)).recipients
}

/**
 * Who the merged version is for: whom the rule names, but no service that could open neither side. Who can open one side
 * alone would be shown the other's values. A person who came in on a branch is, by the accepted rules; that is refused for a
 * service, and for anybody whom the other side has left out: so does a copy of a file that is for fewer, put in its place.
 * Throws merge-readers, readers-none.
 */
async function audienceOf(
  context: HostContext,
  { base, ours, theirs, merged }: Sides,
  rule: CreationRule,
): Promise<Audience> {
  const owners = await ownersOf(context)
  const [old, mine, other] = [await readersOf(base), await readersOf(ours), await readersOf(theirs)]
  const isAll = ({ version }: OpenedVersion) => isDeepStrictEqual(version.entries, merged.entries)
  const stays = (reader: string): boolean => {
    const owner = owners.get(reader)
    const [inOurs, inTheirs] = [hasKey(mine, reader), hasKey(other, reader)]
    if (owner === 'you' || (inOurs && inTheirs)) return true
    if (!inOurs && !inTheirs) return owner === undefined
    // What is merged is all that they could read before.
    if (isAll(inOurs ? ours : theirs) || (owner === undefined && !hasKey(old, reader))) return true
    throw failure('merge-readers', { path: rule.path, reader: owner ?? reader })
  }
  return audienceWithin(rule, stays)
}

/**
 * Throws recipient-unaccepted where the rules were never accepted here and name somebody else than us. What a command
 * does on first use it says to the person who called it; git calls us for whatever directory a branch has brought.
 */
async function refuseFirstUse(context: HostContext, rules: CreationRules, path: string): Promise<void> {
  if (acceptedState(context) !== undefined) return
  const owners = await ownersOf(context)
  const recipients = keysWithout(rules.for(path).recipients, [...owners.keys()])
  if (recipients.length > 0)
    throw failure('recipient-unaccepted', { config: rules.path, recipients, files: [basename(path)] })
}

/**
 * Throws reader-unproved for a version that names a service whose key does not open it, and readers-widen for an env file
 * that looks like a copy from secrets/ and would be for more than could open it.
 */
async function checkVersion(
  context: HostContext,
  document: Document,
  { path, role }: Source,
  readers: readonly string[],
): Promise<void> {
  const named = { ...document, source: { ...document.source, path } }
  await checkReaders(context, named)
  if (role !== 'env-file') return
  const outside = await readOutsideOf(document.bytes)
  const [reader] = keysWithout(readers, outside.recipients)
  if (reader === undefined) return
  const names = await namesOfCopy(context, outside)
  if (names.length > 0) throw failure('readers-widen', { path, reader, names })
}

/** Encrypts the merged version, and opens it again. Throws written-differs when it opens to something else. */
async function sealed(
  context: HostContext,
  version: Version,
  {
    source,
    rules,
    audience,
  }: { readonly source: Source; readonly rules: CreationRules; readonly audience: Audience },
): Promise<{ readonly bytes: Buffer; check(temporary: string): Promise<void> }> {
  const bytes = await sealContent(context, contentOf(version), { source, rules, audience })
  const check = async (temporary: string): Promise<void> => {
    const again = await openVersion(context, { source, path: temporary }, 'the result')
    if (!isDeepStrictEqual(again?.version, version)) throw failure('written-differs', { path: source.path })
  }
  return { bytes, check }
}

interface Sides {
  readonly base: OpenedVersion | undefined
  readonly ours: OpenedVersion
  readonly theirs: OpenedVersion
  readonly merged: Version
}

/** The two sides, opened, and what they merge to. Throws merge-unopened, merge-impossible and merge-conflict. */
async function mergedSides(context: HostContext, files: DriverFiles, source: Source): Promise<Sides> {
  const shown = { ...source, path: files.path }
  const at = (path: string) => ({ source: shown, path: resolve(context.workingDirectory, path) })
  const base = await openVersion(context, at(files.ancestor), 'the common ancestor')
  const ours = await openVersion(context, at(files.ours), 'our version')
  const theirs = await openVersion(context, at(files.theirs), 'their version')
  if (ours === undefined || theirs === undefined)
    throw failure('merge-impossible', { path: files.path, reason: 'one version is an empty file' })
  const { kind } = ours.version
  if (theirs.version.kind !== kind || (base !== undefined && base.version.kind !== kind))
    throw failure('merge-impossible', { path: files.path, reason: 'its versions are of different formats' })

  const versions = {
    base: base?.version.entries ?? [],
    ours: ours.version.entries,
    theirs: theirs.version.entries,
  }
  let merged = mergeByName(versions)
  if (merged.conflicts.length > 0 && kind === 'dotenv')
    merged = mergeByName(versions, await meantAlike(merged.conflicts, versions.ours, versions.theirs))
  if (merged.conflicts.length > 0)
    throw failure('merge-conflict', { path: files.path, names: merged.conflicts })
  return { base, ours, theirs, merged: { kind, entries: merged.entries } }
}

/**
 * Merges theirs into ours, and writes the result over the file of ours: encrypted to the recipients of the rules. When
 * it throws, that file is as it was. Throws merge-conflict with the names that both sides changed, merge-unopened,
 * merge-impossible, rules-missing, rule-none, recipient-unaccepted where the rules name somebody new, merge-readers, and
 * what checkVersion does.
 */
export async function mergeFiles(context: HostContext, files: DriverFiles): Promise<void> {
  const { source, root } = placeOf(resolve(context.workingDirectory, files.path))
  const sides = await mergedSides(context, files, source)
  const { ours, theirs, merged } = sides
  const rules = await rulesOf(root)
  // git is at work, and its user has asked for a merge: nobody is asked about readers in between.
  const unattended = {
    ...context,
    interactive: false,
    project: projectAt(root, context.variables, context.workingDirectory),
  }
  await refuseFirstUse(unattended, rules, source.path)
  await ensureAccepted(unattended, rules, [source.path])
  for (const { document } of [ours, theirs])
    await checkVersion(unattended, document, source, rules.for(source.path).recipients)
  const audience = await audienceOf(unattended, sides, rules.for(source.path))
  const over = ours.document.bytes
  const write = (bytes: Buffer, verify?: (bytes: Buffer, temporary: string) => Promise<void>) =>
    writeFile(ours.document.source.path, bytes, { over, ...(verify && { verify }) })
  for (const side of [ours, theirs]) {
    const same = isDeepStrictEqual(side.version.entries, merged.entries)
    // What is as one side has it, and for whom it should be, stays as that side encrypted it.
    if (same && (await isFor(side, audience)))
      return side === ours ? undefined : await write(side.document.bytes)
  }
  const { bytes, check } = await sealed(unattended, merged, { source, rules, audience })
  await write(bytes, (_, temporary) => check(temporary))
}
