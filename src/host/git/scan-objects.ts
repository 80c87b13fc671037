/** Known values searched for in the objects of a repository: the index, or all that there is. */
import { quote } from '../../quote.ts'
import type { HostContext } from '../context.ts'
import { type Hit, lineCounter, type Places, type Search } from './hits.ts'
import { type GitObject, readObjects, readOutput } from './objects.ts'
import type { Repository } from './repository.ts'

export interface ScannedObjects {
  readonly hits: readonly Hit[]
  readonly objects: number
  readonly bytes: number
  /** Objects that something refers to and that are not here: a shallow or partial clone. */
  readonly missing: readonly string[]
}

interface FoundIn {
  readonly object: GitObject
  readonly places: Places
}

/** Searches objects, one after the other. */
async function searchObjects(
  { variables }: HostContext,
  { top }: Repository,
  oids: readonly string[] | 'all',
  search: Search,
): Promise<{ found: FoundIn[]; objects: number; bytes: number; missing: string[] }> {
  const found: FoundIn[] = []
  const missing: string[] = []
  let objects = 0
  let bytes = 0
  let current: GitObject | undefined
  await readObjects(variables, top, oids, {
    begin: (object) => {
      current = object
      objects += 1
      bytes += object.size
    },
    bytes: search.push,
    end: () => {
      const places = search.end()
      if (places.size > 0 && current !== undefined) found.push({ object: current, places })
    },
    missing: (oid) => missing.push(oid),
  })
  return { found, objects, bytes, missing }
}

/** The lines of the first places in blobs, by object and place. */
async function linesOf(
  { variables }: HostContext,
  { top }: Repository,
  found: readonly FoundIn[],
): Promise<(oid: string, place: number) => number | undefined> {
  const blobs = found.filter(({ object }) => object.type === 'blob')
  const counters = new Map(
    blobs.map(({ object, places }) => [
      object.oid,
      lineCounter([...places.values()].map(({ first }) => first)),
    ]),
  )
  let counter = lineCounter([])
  if (blobs.length > 0)
    await readObjects(variables, top, [...counters.keys()], {
      begin: ({ oid }) => {
        counter = counters.get(oid) ?? lineCounter([])
      },
      bytes: (part) => counter.push(part),
      end: () => {},
      missing: () => {},
    })
  return (oid, place) => counters.get(oid)?.lineOf(place)
}

function hitsOf(
  found: readonly FoundIn[],
  whereOf: (object: GitObject) => readonly string[],
  lineOf: (oid: string, place: number) => number | undefined,
): Hit[] {
  return found.flatMap(({ object, places }) =>
    whereOf(object).flatMap((where) =>
      [...places].map(([name, { first, count }]) => ({
        where,
        name,
        line: lineOf(object.oid, first),
        count,
      })),
    ),
  )
}

/** Searches what the index holds: all of what the next commit would have. Throws git-failed. */
export async function scanIndex(
  context: HostContext,
  repository: Repository,
  search: Search,
): Promise<ScannedObjects> {
  const listed = await repository.git(['ls-files', '--stage', '-z', '--full-name', '--', ':/'])
  const paths = new Map<string, string[]>()
  for (const line of listed.split('\0')) {
    const [, mode, oid, path] = /^(\d+) ([0-9a-f]+) \d\t(.*)$/s.exec(line) ?? []
    // Of a submodule the index has a commit that is not here.
    if (oid === undefined || path === undefined || mode === '160000') continue
    const known = paths.get(oid)
    if (known === undefined) paths.set(oid, [path])
    else known.push(path)
  }
  const oids = [...paths.keys()]
  if (oids.length === 0) return { hits: [], objects: 0, bytes: 0, missing: [] }
  const { found, ...rest } = await searchObjects(context, repository, oids, search)
  const whereOf = ({ oid }: GitObject) => (paths.get(oid) ?? [oid]).map((path) => `index: ${quote(path)}`)
  return { hits: hitsOf(found, whereOf, await linesOf(context, repository, found)), ...rest }
}

/** Reads `git log --raw -z`: for each object that is asked for, its path and the oldest commit that has it so. */
export function readRawLog(
  wanted: ReadonlySet<string>,
  found: Map<string, { readonly path: string; readonly commit: string }>,
): (token: string) => void {
  let commit = ''
  let oid: string | undefined
  return (token) => {
    if (oid !== undefined) {
      if (wanted.has(oid)) found.set(oid, { path: token, commit })
      oid = undefined
      return
    }
    const raw = /^\n?:\d{6} \d{6} [0-9a-f]+ ([0-9a-f]+) [A-Z]/.exec(token)
    if (raw !== null) oid = raw[1]
    else commit = /[0-9a-f]{40,64}/.exec(token)?.[0] ?? commit
  }
}

const SHORT = 12
/** What of an object is searched that has no path. */
const WHAT: ReadonlyMap<string, string> = new Map([
  ['blob', 'a file that no branch leads to'],
  ['tree', 'a file name'],
])

/** Where objects are in the history, as far as a branch, the stash or the reflog still leads there. */
async function historyOf(
  { variables }: HostContext,
  { top }: Repository,
  found: readonly FoundIn[],
): Promise<(object: GitObject) => readonly string[]> {
  const blobs = new Set(found.filter(({ object }) => object.type === 'blob').map(({ object }) => object.oid))
  const places = new Map<string, { path: string; commit: string }>()
  if (blobs.size > 0) {
    const words = ['log', '--all', '--reflog', '-m', '--raw', '-z', '--no-abbrev', '--no-renames']
    const take = readRawLog(blobs, places)
    await readOutput(variables, top, [...words, '--no-ext-diff', '--no-textconv', '--format=%H'], take)
  }
  return ({ oid, type }) => {
    const place = places.get(oid)
    if (place !== undefined) return [`commit ${place.commit.slice(0, SHORT)}: ${quote(place.path)}`]
    return [`${type} ${oid.slice(0, SHORT)}: ${WHAT.get(type) ?? 'the message'}`]
  }
}

/**
 * Searches every object that the repository has: files, their names, messages of commits and tags, also what no branch
 * leads to any more. Throws git-failed.
 */
export async function scanHistory(
  context: HostContext,
  repository: Repository,
  search: Search,
): Promise<ScannedObjects> {
  const { found, ...rest } = await searchObjects(context, repository, 'all', search)
  const whereOf = await historyOf(context, repository, found)
  return { hits: hitsOf(found, whereOf, await linesOf(context, repository, found)), ...rest }
}
