/** Names that a project lets through for good: `x-disinto: {allow: [NAME]}`. */
import { readRegular } from '../../load/read.ts'
import { parseYaml } from '../../yaml.ts'
import type { HostContext } from '../context.ts'
import { composeFiles } from './settings.ts'

/** The compose files, each with its text; none where there is none. */
function textsOf(context: HostContext): Array<readonly [path: string, text: string]> {
  try {
    return composeFiles(context).map((path) => [path, readRegular(path).toString()])
  } catch {
    // What is wrong with them is said where they are needed.
    return []
  }
}

function namesIn(value: unknown): string[] {
  if (typeof value === 'string') return value.split(/[\s,]+/)
  return Array.isArray(value) ? value.map(String) : []
}

/** The names under `x-disinto: allow:`, of the file and of its services. */
function namesBelow(value: unknown, depth = 0): string[] {
  if (typeof value !== 'object' || value === null || depth > 3) return []
  return Object.entries(value).flatMap(([key, inner]) =>
    key === 'x-disinto' && typeof inner === 'object' && inner !== null && 'allow' in inner
      ? namesIn(inner.allow)
      : namesBelow(inner, depth + 1),
  )
}

/**
 * Returns the context in which the names that the compose file lets through count as those of DISINTO_ALLOW do, so that
 * the host command and the shim in the containers agree. What is said in the environment alone stays in `ownVariables`.
 */
export async function withKeptNames(context: HostContext): Promise<HostContext> {
  const texts = textsOf(context).filter(([, text]) => text.includes('x-disinto'))
  if (texts.length === 0) return context
  const parsed = await Promise.all(texts.map(([path, text]) => parseYaml(path, text)))
  const names = parsed.flatMap((document) => namesBelow(document?.toJS({ maxAliasCount: -1 })))
  const all = [context.variables.get('DISINTO_ALLOW') ?? '', ...names].filter((name) => /^[\w,]+$/.test(name))
  if (all.length === 0) return context
  const variables = new Map(context.variables).set('DISINTO_ALLOW', all.join(','))
  return { ...context, variables, ownVariables: context.variables }
}
