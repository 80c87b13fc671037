/** What changed in the encrypted files between two states of the repository, by name. */
import { existsSync, lstatSync } from 'node:fs'
import { join } from 'node:path'
import { detectFormat } from '../../load/format.ts'
import { MAX_FILE_BYTES, readWhole } from '../../load/read.ts'
import { quote } from '../../quote.ts'
import { keysWithout } from '../../sops/master-key.ts'
import { readOutside } from '../../sops/outside.ts'
import { readYamlTree } from '../../sops/outside-yaml.ts'
import type { HostContext } from '../context.ts'
import { kindOfPath } from './examine.ts'
import { readBlobs } from './objects.ts'
import type { OpenVersion } from './opened.ts'
import type { Repository } from './repository.ts'

/** The encrypted files of one state, by their paths from the top. */
type State = ReadonlyMap<string, Buffer>

/** Where a state is taken from. */
export type Place = { readonly revision: string } | 'index' | 'work tree'

/** What became of a name. */
export interface Change {
  readonly sign: '+' | '-' | '~'
  readonly name: string
  /** What it was set to, and is; where a key opened the versions. */
  readonly old: string | undefined
  readonly new: string | undefined
}

export interface FileChanges {
  readonly path: string
  readonly changes: readonly Change[]
  readonly gained: readonly string[]
  readonly lost: readonly string[]
  /** What can't be told by names. */
  readonly notes: readonly string[]
}

function isOurs(path: string): boolean {
  const kind = kindOfPath(path)
  return kind === 'env' || kind === 'secret' || kind === 'sealed'
}

/** The path and the blob of each encrypted file in a list of git's. */
function listed(output: string, line: RegExp): Array<readonly [path: string, oid: string]> {
  return output.split('\0').flatMap((part) => {
    const [, oid, path] = line.exec(part) ?? []
    return oid !== undefined && path !== undefined && isOurs(path) ? [[path, oid] as const] : []
  })
}

/** Reads one state. Throws git-failed where a revision is none. */
export async function readState(
  { variables }: HostContext,
  { git, top }: Repository,
  place: Place,
): Promise<State> {
  if (place === 'work tree') {
    const words = [
      'ls-files',
      '-z',
      '--cached',
      '--others',
      '--exclude-standard',
      '--deduplicate',
      '--full-name',
    ]
    const paths = (await git([...words, '--', ':/'])).split('\0').filter(isOurs)
    const files = paths.filter((path) => existsSync(join(top, path)) && lstatSync(join(top, path)).isFile())
    return new Map(files.map((path) => [path, readWhole(join(top, path))]))
  }
  const entries =
    place === 'index'
      ? listed(
          await git(['ls-files', '--stage', '-z', '--full-name', '--', ':/']),
          /^100\d{3} ([0-9a-f]+) 0\t(.*)$/s,
        )
      : listed(
          await git(['ls-tree', '-r', '-z', '--full-tree', '--end-of-options', place.revision]),
          /^100\d{3} blob ([0-9a-f]+)\t(.*)$/s,
        )
  const oids = entries.map(([, oid]) => oid)
  const blobs = oids.length === 0 ? new Map() : await readBlobs(variables, top, oids, MAX_FILE_BYTES)
  return new Map(
    entries.flatMap(([path, oid]) => {
      const bytes: Buffer | 'too large' | undefined = blobs.get(oid)
      return Buffer.isBuffer(bytes) ? [[path, bytes] as const] : []
    }),
  )
}

interface Side {
  readonly names: ReadonlyMap<string, string>
  readonly values: ReadonlyMap<string, string> | undefined
  readonly recipients: readonly string[]
  readonly note: string | undefined
}

async function sideOf(path: string, bytes: Buffer | undefined, open: OpenVersion): Promise<Side> {
  if (bytes === undefined) return { names: new Map(), values: new Map(), recipients: [], note: undefined }
  const format = detectFormat(bytes)
  const { values, recipients, whole } = await readOutside(bytes, format, readYamlTree)
  const names = new Map(values.map(({ name, ciphertext }) => [name, ciphertext ?? 'in the clear']))
  let note: string | undefined
  if (format === undefined) note = 'is not encrypted'
  else if (!whole) note = 'is damaged'
  return { names, values: await open(path, bytes), recipients, note }
}

/** Compares two versions of a file: by their values where a key opens both, else by their ciphertext. */
async function compareFile(
  path: string,
  versions: readonly [Buffer | undefined, Buffer | undefined],
  open: OpenVersion,
): Promise<FileChanges> {
  const [before, after] = [await sideOf(path, versions[0], open), await sideOf(path, versions[1], open)]
  const opened = before.values !== undefined && after.values !== undefined
  const changes: Change[] = []
  for (const name of new Set([...before.names.keys(), ...after.names.keys()])) {
    const [was, is] = [before.names.get(name), after.names.get(name)]
    const [old, now] = [before.values?.get(name), after.values?.get(name)]
    if (was !== undefined && is !== undefined && (opened ? old === now : was === is)) continue
    let sign: Change['sign'] = '~'
    if (was === undefined) sign = '+'
    else if (is === undefined) sign = '-'
    changes.push({ sign, name, old, new: now })
  }
  const anew = changes.filter(({ sign }) => sign === '~').length
  const notes = [
    ...[before.note, after.note].flatMap((note, at) =>
      note === undefined ? [] : [`the ${at === 0 ? 'old' : 'new'} version ${note}`],
    ),
    ...(!opened &&
    anew > 1 &&
    anew === [...before.names.keys()].filter((name) => after.names.has(name)).length
      ? ['encrypted again: without a key there is no telling which values changed']
      : []),
  ]
  return {
    path,
    changes,
    gained: keysWithout(after.recipients, before.recipients),
    lost: keysWithout(before.recipients, after.recipients),
    notes,
  }
}

/** Compares two states: the files whose bytes differ, in the order of their paths. */
export async function compareStates(before: State, after: State, open: OpenVersion): Promise<FileChanges[]> {
  const paths = [...new Set([...before.keys(), ...after.keys()])].sort((one, other) => (one < other ? -1 : 1))
  const changed: FileChanges[] = []
  for (const path of paths) {
    const versions = [before.get(path), after.get(path)] as const
    const [old, now] = versions
    if (old !== undefined && now?.equals(old) === true) continue
    changed.push(await compareFile(path, versions, open))
  }
  return changed
}

/** A value on a terminal: one line, in which nothing moves the cursor. A dotenv line is shown less its name. */
function shownValue(content: string): string {
  const value = content.replace(/^\s*(?:export\s+)?[A-Za-z_]\w*=/, '')
  return quote(value)
}

/** The lines that tell a person of the changes in one file. */
export function linesOf({ path, changes, gained, lost, notes }: FileChanges, values: boolean): string[] {
  const told = ({ sign, name, old, new: now }: Change): string => {
    const shown = [old, now].map((content) => (content === undefined ? '(not opened)' : shownValue(content)))
    if (!values) return `  ${sign} ${quote(name)}`
    if (sign === '~') return `  ~ ${quote(name)}: ${shown[0]} -> ${shown[1]}`
    return `  ${sign} ${quote(name)}: ${sign === '+' ? shown[1] : shown[0]}`
  }
  return [
    quote(path),
    ...changes.map(told),
    ...gained.map((key) => `  + recipient ${quote(key)}`),
    ...lost.map((key) => `  - recipient ${quote(key)}`),
    ...notes.map((note) => `  ${note}`),
  ]
}
