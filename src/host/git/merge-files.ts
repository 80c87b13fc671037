/** The merge driver: opens three versions, merges them by name and encrypts, all in memory. */
import { basename, dirname, resolve } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { DisintoError, errnoOf } from '../../errors.ts'
import { parseDotenv } from '../../load/dotenv.ts'
import { readRegular } from '../../load/read.ts'
import type { Document, Source } from '../../nouns.ts'
import { quote } from '../../quote.ts'
import { areSameKeys, keysWithout } from '../../sops/master-key.ts'
import { type CreationRules, rulesOf } from '../access/rules.ts'
import type { HostContext } from '../context.ts'
import { failure } from '../errors.ts'
import { writeFile } from '../files/write.ts'
import { projectAt } from '../project.ts'
import { audienceOfRule } from '../store/audience.ts'
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
    if ('reason' in version)
      throw failure('merge-impossible', { path: source.path, reason: `${side}: ${version.reason}` })
    const twice = nameTwice(version.entries)
    if (twice !== undefined)
      throw failure('merge-impossible', {
        path: source.path,
        reason: `${side}: ${quote(twice)} is in it twice`,
      })
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
  const valueIn = async (entries: readonly Entry[], name: string): Promise<string | undefined> => {
    const entry = entries.find((candidate) => candidate.kind === 'value' && candidate.name === name)
    if (entry?.kind !== 'value') return undefined
    return new Map(await parseDotenv(entry.content)).get(name)
  }
  const alike = new Set<string>()
  for (const name of names) {
    const value = await valueIn(one, name)
    if (value !== undefined && value === (await valueIn(other, name))) alike.add(name)
  }
  return alike
}

/** Whether a version is encrypted to the recipients of its rule and nobody else: then it can stay as it is. */
async function fitsRules(
  { document }: OpenedVersion,
  source: Source,
  rules: CreationRules,
): Promise<boolean> {
  const { groups, threshold } = await outsideOf(document.source)
  const rule = rules.for(source.path)
  return (
    groups.length === rule.groups.length &&
    threshold === rule.threshold &&
    groups.every((keys, at) => areSameKeys(keys, rule.groups[at] ?? []))
  )
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
  source: Source,
  rules: CreationRules,
): Promise<{ readonly bytes: Buffer; check(temporary: string): Promise<void> }> {
  const audience = audienceOfRule(rules.for(source.path))
  const bytes = await sealContent(context, contentOf(version), { source, rules, audience })
  const check = async (temporary: string): Promise<void> => {
    const again = await openVersion(context, { source, path: temporary }, 'the result')
    if (!isDeepStrictEqual(again?.version, version)) throw failure('written-differs', { path: source.path })
  }
  return { bytes, check }
}

/** The two sides, opened, and what they merge to. Throws merge-unopened, merge-impossible and merge-conflict. */
async function mergedSides(context: HostContext, files: DriverFiles, source: Source) {
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
  return { ours, theirs, merged: { kind, entries: merged.entries } }
}

/**
 * Merges theirs into ours, and writes the result over the file of ours: encrypted to the recipients of the rules. When
 * it throws, that file is as it was. Throws merge-conflict with the names that both sides changed, merge-unopened,
 * merge-impossible, rules-missing, rule-none, recipient-unaccepted where the rules name somebody new, and what
 * checkVersion does.
 */
export async function mergeFiles(context: HostContext, files: DriverFiles): Promise<void> {
  const { source, root } = placeOf(resolve(context.workingDirectory, files.path))
  const { ours, theirs, merged } = await mergedSides(context, files, source)
  const rules = await rulesOf(root)
  // git is at work, and its user has asked for a merge: nobody is asked about readers in between.
  const unattended = {
    ...context,
    interactive: false,
    project: projectAt(root, context.variables, context.workingDirectory),
  }
  await ensureAccepted(unattended, rules, [source.path])
  for (const { document } of [ours, theirs])
    await checkVersion(unattended, document, source, rules.for(source.path).recipients)
  const over = ours.document.bytes
  const write = (bytes: Buffer, verify?: (bytes: Buffer, temporary: string) => Promise<void>) =>
    writeFile(ours.document.source.path, bytes, { over, ...(verify && { verify }) })
  for (const side of [ours, theirs]) {
    const same = isDeepStrictEqual(side.version.entries, merged.entries)
    // What is as one side has it, and for whom it should be, stays as that side encrypted it.
    if (same && (await fitsRules(side, source, rules)))
      return side === ours ? undefined : await write(side.document.bytes)
  }
  const { bytes, check } = await sealed(unattended, merged, source, rules)
  await write(bytes, (_, temporary) => check(temporary))
}
