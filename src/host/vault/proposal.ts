/** A proposal: the one action that was approved, and the secrets it may have. */
import { isUtf8 } from 'node:buffer'
import { parse as parseToml, TomlError } from 'smol-toml'
import * as v from 'valibot'
import { checkName } from '../../load/names.ts'
import { isList, isMap, type JsonValue, parseJson } from '../../sops/json.ts'
import { failure } from '../errors.ts'
import { type ProposalFile, readProposalFile } from './proposal-file.ts'
import { type ApprovalTerms, OBJECT, OLDER_PROPOSAL, PROPOSAL } from './proposal-schema.ts'

export interface Proposal {
  readonly id: string
  /** Relative to the project. */
  readonly path: string
  readonly format: 'json' | 'toml'
  /** The kind of action, and who proposed it. */
  readonly type: string
  readonly source: string
  /** The names of the secrets it asks for, each once, in its order. */
  readonly secrets: readonly string[]
  /** Those of them that it gets as files. */
  readonly files: readonly string[]
  readonly minutes: number | undefined
  /** What an approval adds; nothing proves here that somebody signed it. */
  readonly terms: ApprovalTerms | undefined
  /** Whether its own bytes say which ID it has. */
  readonly namesItself: boolean
  /** The file as it was read and checked: this, and not what the file may hold by now, is what is mounted. */
  readonly bytes: Buffer
}

/** A key that stands twice in one object, at any depth: a reviewer may have read the first, JSON.parse takes the last. */
function keyTwice(value: JsonValue): string | undefined {
  const left: JsonValue[] = [value]
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    if (isMap(next)) {
      const seen = new Set<string>()
      for (const [name, inner] of next.members) {
        if (seen.has(name)) return name
        seen.add(name)
        left.push(inner)
      }
    } else if (isList(next)) left.push(...next)
  }
  return undefined
}

function parseJsonProposal({ path, bytes }: ProposalFile): unknown {
  const text = bytes.toString()
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    throw failure('proposal-wrong', { path, what: 'is not JSON' })
  }
  const ordered = parseJson(text)
  if (ordered === undefined) throw failure('proposal-wrong', { path, what: 'is nested too deeply' })
  const twice = keyTwice(ordered)
  if (twice !== undefined)
    throw failure('proposal-wrong', { path, what: `has the key ${JSON.stringify(twice)} twice` })
  if (Array.isArray(parsed)) throw failure('proposal-wrong', { path, what: OBJECT })
  return parsed
}

/** TOML of itself allows no key twice. */
function parseTomlProposal({ path, bytes }: ProposalFile): unknown {
  try {
    return parseToml(bytes.toString())
  } catch (error) {
    if (!(error instanceof TomlError)) throw failure('proposal-wrong', { path, what: 'is nested too deeply' })
    // The parser's own words show the line.
    throw failure('proposal-wrong', { path, what: `is not TOML (line ${error.line})` })
  }
}

function checked<const Schema extends v.GenericSchema>(
  schema: Schema,
  parsed: unknown,
  path: string,
): v.InferOutput<Schema> {
  const result = v.safeParse(schema, parsed)
  if (result.success) return result.output
  const wrong = result.issues.map((issue) => {
    const key = issue.path?.[0]?.key
    if (key === undefined) return issue.message
    const missing = issue.received === 'undefined' && issue.path?.length === 1
    return `${JSON.stringify(String(key))} ${missing ? 'is missing' : issue.message}`
  })
  throw failure('proposal-wrong', { path, what: [...new Set(wrong)].join('; ') })
}

/** What the two formats say, in the words of the first. */
function contentOf(file: ProposalFile) {
  const { path, bytes, format } = file
  if (!isUtf8(bytes)) throw failure('proposal-wrong', { path, what: 'is not UTF-8 text' })
  if (format === 'json') return checked(PROPOSAL, parseJsonProposal(file), path)
  const { formula, ...rest } = checked(OLDER_PROPOSAL, parseTomlProposal(file), path)
  return { ...rest, type: formula, source: path }
}

/** Checks names as the shim does, and that none is there twice. */
function checkNames(names: readonly string[], path: string, allow: ReadonlySet<string>): void {
  for (const [at, name] of names.entries()) {
    checkName(name, path, allow)
    if (names.indexOf(name) !== at) throw failure('proposal-wrong', { path, what: `asks for ${name} twice` })
  }
}

/** Reads what a file says, without opening anything else. Throws proposal-wrong, name-bad and name-refused. */
export function parseProposal(file: ProposalFile, id: string, allow: ReadonlySet<string>): Proposal {
  const { path, bytes, format } = file
  const content = contentOf(file)
  const { secrets, files = [], approval: terms } = content
  checkNames(secrets, path, allow)
  checkNames(files, path, allow)
  const stray = files.find((name) => !secrets.includes(name))
  if (stray !== undefined)
    throw failure('proposal-wrong', {
      path,
      what: `wants ${stray} as a file, which is not among its secrets`,
    })
  for (const said of [content.id, terms?.id]) {
    if (said !== undefined && said !== id)
      throw failure('proposal-wrong', { path, what: `is for the ID ${JSON.stringify(said)}` })
  }
  return {
    id,
    path,
    format,
    type: content.type,
    source: content.source,
    secrets,
    files,
    minutes: content.timeout_minutes,
    terms,
    namesItself: content.id !== undefined || terms !== undefined,
    bytes,
  }
}

/**
 * Reads and checks a proposal. `root` is the project's directory, `allow` the refused names let through. Nothing but
 * the proposal is opened. Throws proposal-missing, proposal-wrong and the like.
 */
export function readProposal(root: string, id: string, allow: ReadonlySet<string>): Proposal {
  return parseProposal(readProposalFile(root, id), id, allow)
}
