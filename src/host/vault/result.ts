/**
 * What became of a run, beside its proposal.
 * Exit status, begin, end, and its last lines without a value.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { asDisintoError } from '../../errors.ts'
import { type Pattern, patternsFor } from '../../redact/forms.ts'
import { redactor } from '../../redact/redactor.ts'
import { logsOf } from '../compose/container-logs.ts'
import type { HostContext } from '../context.ts'
import { writeFile } from '../files/write.ts'
import type { Json } from './json.ts'
import type { Proposal } from './proposal.ts'
import { besideProposal } from './proposal-file.ts'

const LINES = 50
const LONGEST = 1000
/** A redactor looks for patterns of at least two bytes. */
const SHORTEST = 2

type Values = ReadonlyArray<readonly [name: string, value: string]>

/** Everything that is replaced: the forms of each value and of each of its lines, and short ones as they are. */
function patternsOf(values: Values): Pattern[] {
  const pieces = values.flatMap(([name, value]) =>
    [value, ...value.split(/\r?\n/)].map((text) => [name, text] as const),
  )
  const short = pieces
    .filter(([, text]) => Buffer.byteLength(text) >= SHORTEST)
    .map(([name, text]) => ({ name, bytes: Buffer.from(text) }))
  const all = [...patternsFor(pieces), ...short]
  return [...new Map(all.map((pattern) => [pattern.bytes.toString('latin1'), pattern])).values()]
}

/** Keeps the last lines of text that comes in pieces. */
function tail(): { push(text: string): void; lines(): string[] } {
  let kept: string[] = ['']
  return {
    push: (text) => {
      const [first = '', ...more] = text.split('\n')
      kept = [...kept.slice(0, -1), `${kept.at(-1) ?? ''}${first}`.slice(-LONGEST), ...more].slice(-LINES - 1)
    },
    lines: () =>
      kept
        .filter((line, at) => line !== '' || at < kept.length - 1)
        .map(clean)
        .slice(-LINES),
  }
}

/** Control characters could rewrite what a person sees of the file. */
const clean = (line: string): string =>
  line
    .replaceAll(/\r$/g, '')
    .replaceAll(/\p{Cc}/gu, '�')
    .slice(-LONGEST)

/**
 * Returns the last lines of streams, with every value replaced by its name. All of it goes through a redactor, so that no
 * value is cut in two. Undefined where a value is a single character: it can't be replaced without making nonsense of
 * the rest.
 */
export async function lastLines(
  streams: ReadonlyArray<AsyncIterable<Buffer>>,
  values: Values,
): Promise<string[] | undefined> {
  const single = values.some(([, value]) =>
    value.split(/\r?\n/).some((text) => Buffer.byteLength(text) === 1),
  )
  const patterns = single ? [] : patternsOf(values)
  const kept = tail()
  const through = async (stream: AsyncIterable<Buffer>) => {
    const { push, end } = redactor(patterns)
    for await (const chunk of stream) kept.push(push(chunk).toString())
    kept.push(end().toString())
  }
  await Promise.all(streams.map(through))
  return single ? undefined : kept.lines()
}

/** The last lines of what a container has said, as lastLines; undefined where the engine keeps nothing. */
export async function lastLinesOf(
  context: HostContext,
  container: string,
  values: Values,
): Promise<string[] | undefined> {
  const { output, errors, status } = logsOf(context, container)
  const lines = await lastLines([output, errors], values)
  return (await status) === 0 ? lines : undefined
}

/** Writes the result of a run, or says that it could not; a link that stands there is not followed. */
export async function writeResult(context: HostContext, proposal: Proposal, result: Json): Promise<void> {
  const beside = besideProposal(proposal.path, 'result')
  const path = join(context.project.root, beside)
  try {
    rmSync(path, { force: true })
    await writeFile(path, Buffer.from(`${JSON.stringify(result, null, 2)}\n`), { over: 'new', mode: 0o644 })
  } catch (error) {
    // The run has been: its own end is what counts, and it is on record.
    const { message, hint } = asDisintoError(error)
    context.speak.warning({ code: 'result-unwritten', message: `${beside}: no result: ${message}`, hint })
  }
}
