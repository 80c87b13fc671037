/** Single values of `.env.enc`: opened, changed, and written for the readers that it has. */

import { isUtf8 } from 'node:buffer'
import { existsSync } from 'node:fs'
import { ownName, textOf } from '../../load/dotenv.ts'
import { read } from '../../load/read.ts'
import type { Document } from '../../nouns.ts'
import { quote } from '../../quote.ts'
import { ensureRules } from '../access/first-use.ts'
import type { HostContext } from '../context.ts'
import { failure } from '../errors.ts'
import { checkUnlinked } from '../files/write.ts'
import { lineHolding } from './dotenv-line.ts'
import { changedBetween, withLine, withoutName } from './env-text.ts'
import { envSource } from './inventory.ts'
import { openWith, plaintextOf } from './open.ts'
import { type Content, prepareSealed } from './seal.ts'

/** What `.env.enc` holds, as far as single values can be changed in it: lines of dotenv text, or JSON. */
export type EnvContent = Extract<Content, { kind: 'dotenv' | 'json' }>

export interface EnvFile {
  readonly content: EnvContent
  /** As it was read; undefined where there is none yet. */
  readonly document: Document | undefined
}

/**
 * Opens `.env.enc`. Where there is none it begins empty, unless a plaintext `.env` is in use, which it would put out
 * of use. Throws migrate-before, edit-format and what opening throws.
 */
export async function openEnvFile(context: HostContext): Promise<EnvFile> {
  const { project } = context
  checkUnlinked(project.root, project.envFile)
  if (!existsSync(project.envFile)) {
    if (existsSync(project.plainEnvFile)) throw failure('migrate-before', { path: project.plainEnvFile })
    return { content: { kind: 'dotenv', text: '' }, document: undefined }
  }
  const document = read(envSource(project))
  const { path } = document.source
  if (document.format !== 'sops-dotenv' && document.format !== 'sops-json')
    throw failure('edit-format', { path, format: document.format })
  const plaintext = await plaintextOf(document, openWith(context))
  if (plaintext.kind === 'values') return { document, content: { kind: 'json', entries: plaintext.values } }
  const bytes = plaintext.kind === 'items' ? textOf(plaintext.items) : plaintext.bytes
  if (!isUtf8(bytes)) throw failure('value-not-utf8', { path, name: '.env' })
  return { document, content: { kind: 'dotenv', text: bytes.toString() } }
}

/** Returns the names that a content sets. */
export function namesIn(content: EnvContent): Set<string> {
  if (content.kind === 'json') return new Set(content.entries.map(([name]) => name))
  const lines = content.text.split('\n').filter((line) => !line.startsWith('#') && line.includes('='))
  return new Set(lines.map((line) => ownName(line.slice(0, line.indexOf('=')))))
}

/** Returns a content in which a name has this value. Throws value-unholdable where no line can hold it. */
export async function withValue(content: EnvContent, name: string, value: string): Promise<EnvContent> {
  if (content.kind === 'json') {
    const known = content.entries.some(([one]) => one === name)
    const entries = known
      ? content.entries.map(([one, old]) => [one, one === name ? value : old] as const)
      : [...content.entries, [name, value] as const]
    return { kind: 'json', entries }
  }
  const line = await lineHolding(name, value)
  if (line === undefined) throw failure('value-unholdable', { name })
  return { kind: 'dotenv', text: withLine(content.text, line) }
}

/** Returns a content without a name. */
export function withoutValue(content: EnvContent, name: string): EnvContent {
  if (content.kind === 'json')
    return { kind: 'json', entries: content.entries.filter(([one]) => one !== name) }
  return { kind: 'dotenv', text: withoutName(content.text, name) }
}

/** Returns the names whose values change because they refer to these. */
export async function followers(
  before: EnvContent,
  after: EnvContent,
  changed: ReadonlySet<string>,
): Promise<string[]> {
  if (before.kind !== 'dotenv' || after.kind !== 'dotenv') return []
  return changedBetween(before.text, after.text, changed)
}

/** Writes `.env.enc` anew for its readers, opens it again and compares; the old one is there until then. */
export async function writeEnvFile(
  context: HostContext,
  { document }: EnvFile,
  content: EnvContent,
): Promise<void> {
  const rules = await ensureRules(context)
  const target = { source: envSource(context.project), rules, mustOpen: true }
  const sealed = await prepareSealed(context, content, target, document?.bytes ?? 'new')
  sealed.commit()
}

/** Says how what runs gets a change: a container keeps the file that it was started with. */
export function sayRestartIsDue({ project, speak }: HostContext): void {
  if (existsSync(project.composeFile))
    speak.note(`${quote(project.composeFile)}: running containers keep the old values until: disinto restart`)
}
