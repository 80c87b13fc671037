/** `disinto secrets scan`: where values of the project's own secrets stand in the clear. */
import { relative, resolve } from 'node:path'
import { quote } from '../../../quote.ts'
import type { Pattern } from '../../../redact/forms.ts'
import type { HostCommand } from '../../cli/command.ts'
import { containersOf, readLogs } from '../../compose/container-logs.ts'
import type { HostContext } from '../../context.ts'
import { failure } from '../../errors.ts'
import { type Hit, searchFor } from '../../git/hits.ts'
import { knownValues } from '../../git/known-values.ts'
import { repositoryOf } from '../../git/repository.ts'
import { scanFiles } from '../../git/scan-files.ts'
import { scanHistory, scanIndex } from '../../git/scan-objects.ts'
import { allowed } from '../../store/open.ts'
import { type Advance, withProgress } from '../../terminal.ts'

/** What was looked at, and what was found. */
interface Scanned {
  readonly hits: readonly Hit[]
  readonly unreadable: ReadonlyArray<{ readonly path: string; readonly reason: string }>
  /** "12 files, 3 MiB" */
  readonly looked: string
}

const MEBI = 1024 * 1024

const counted = (number: number, word: string): string => `${number} ${word}${number === 1 ? '' : 's'}`

const amount = (number: number, word: string, bytes: number): string =>
  `${counted(number, word)}, ${(bytes / MEBI).toFixed(1)} MiB`

async function scanLogs(context: HostContext, patterns: readonly Pattern[]): Promise<Scanned> {
  const hits: Hit[] = []
  const unreadable: Array<{ path: string; reason: string }> = []
  const containers = await containersOf(context)
  const streams = { output: searchFor(patterns), error: searchFor(patterns) }
  let bytes = 0
  for (const { id, name } of containers) {
    const take = (stream: keyof typeof streams) => (chunk: Buffer) => {
      bytes += chunk.length
      streams[stream].push(chunk)
    }
    const there = await readLogs(context, id, { output: take('output'), error: take('error') })
    const where = `log of ${quote(name)}`
    for (const [stream, search] of Object.entries(streams))
      for (const [secret, { count }] of search.end())
        hits.push({ where: `${where}, standard ${stream}`, name: secret, line: undefined, count })
    if (!there) unreadable.push({ path: where, reason: 'the engine does not return it' })
  }
  return { hits, unreadable, looked: amount(containers.length, 'log', bytes) }
}

async function scanGit(
  context: HostContext,
  patterns: readonly Pattern[],
  what: typeof scanIndex,
): Promise<Scanned> {
  const scanned = await what(context, await repositoryOf(context), searchFor(patterns))
  return {
    hits: scanned.hits,
    unreadable: scanned.missing.map((oid) => ({ path: `object ${oid}`, reason: 'git does not have it' })),
    looked: amount(scanned.objects, 'object', scanned.bytes),
  }
}

function scanTree(
  context: HostContext,
  patterns: readonly Pattern[],
  paths: readonly string[],
  advance: Advance,
): Scanned {
  const { workingDirectory, project } = context
  const roots = paths.length === 0 ? [project.root] : paths.map((path) => resolve(workingDirectory, path))
  const shown = (path: Buffer) => {
    const text = path.toString()
    const inside = relative(workingDirectory, text)
    return quote(inside.startsWith('..') || inside === '' ? text : inside)
  }
  const { hits, unreadable, files, bytes } = scanFiles(
    roots.map((root) => Buffer.from(root)),
    searchFor(patterns),
    shown,
    advance,
  )
  return { hits, unreadable, looked: amount(files, 'file', bytes) }
}

function lineOf({ where, name, line, count }: Hit): string {
  const place = line === undefined ? where : `${where}:${line}`
  return `${place}: ${quote(name)}${count === 1 ? '' : ` (${count} times)`}\n`
}

export const scan: HostCommand = {
  name: 'secrets scan',
  about: "find values of the project's secrets in files, git, logs",
  usage: '[--staged | --history | PATH ...] [OPTION ...]',
  details: `Opens the project's files with the key at hand and searches for their values,
as they are and in the forms that --redact knows (base64, URL, JSON): in the
project or PATHs, in the index, or in every object of the repository, including those no
branch leads to any more. Shows where and which name, never the value. Values shorter than 8
characters are not searched for. Exit status 0:
nothing found and all of it read, 1: something was found, or something could
not be read, 2: wrong use.`,
  examples: [
    'disinto secrets scan',
    'disinto secrets scan --history --json | jq ".hits[].name"',
    'disinto secrets scan --logs --except FORGE_URL ~/backups',
  ],
  options: [
    { name: 'staged', about: 'search what the index holds' },
    { name: 'history', about: 'search all objects of git' },
    { name: 'logs', about: 'also search the logs of the containers' },
    { name: 'only', value: 'NAME', about: 'search for this name only; may be repeated' },
    { name: 'except', value: 'NAME', about: 'do not search for this name; may be repeated' },
    { name: 'json', about: 'JSON: hits with where, line, name, count; what could not be read' },
  ],
  words: [0, Number.POSITIVE_INFINITY],
  takesRest: true,
  run: async ({ context, words, rest, on, texts }) => {
    const paths = [...words, ...rest]
    const places = [...['staged', 'history'].filter(on).map((option) => `--${option}`), ...paths.slice(0, 1)]
    if (places.length > 1) throw failure('scan-option', { options: places })
    const list = (option: string) => texts(option).flatMap((text) => text.split(','))
    const known = await knownValues(context, {
      only: list('only'),
      except: list('except'),
      allow: allowed(context.variables),
    })
    const { patterns, names, short, unopened } = known
    for (const error of unopened) context.speak.warning(error)
    if (patterns.length === 0) throw failure('scan-nothing')
    const parts: Scanned[] = []
    await withProgress(context.variables, 'searching', async (advance) => {
      if (on('staged')) parts.push(await scanGit(context, patterns, scanIndex))
      else if (on('history')) parts.push(await scanGit(context, patterns, scanHistory))
      else parts.push(scanTree(context, patterns, paths, advance))
      if (on('logs')) parts.push(await scanLogs(context, patterns))
    })

    const hits = parts.flatMap((part) => part.hits)
    const unreadable = parts.flatMap((part) => part.unreadable)
    const looked = parts.map((part) => part.looked)
    if (on('json')) {
      const closed = unopened.map(({ code, message }) => ({ code, message }))
      const facts = { hits, unreadable, names, tooShort: short, unopened: closed, looked }
      context.print(`${JSON.stringify(facts, null, 2)}\n`)
      return hits.length + unreadable.length + unopened.length === 0 ? 0 : 1
    }
    context.print(hits.map(lineOf).join(''))
    for (const { path, reason } of unreadable)
      context.speak.warning({ code: 'scan-unreadable', message: `${path}: can't be read (${reason})` })
    if (short.length > 0)
      context.speak.note(`not searched for, as shorter than 8 characters: ${short.map(quote).join(', ')}`)
    context.speak.note(
      `searched ${looked.join('; ')} for ${counted(names.length, 'name')}: ${hits.length} found`,
    )
    const open = unreadable.length + unopened.length
    if (open > 0) throw failure('scan-incomplete', { count: open })
    return hits.length === 0 ? 0 : 1
  },
}
