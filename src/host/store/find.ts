/** Finds a secret by its name: in a file of its own, which wins, or in .env.enc. */
import { existsSync } from 'node:fs'
import { nearest } from '../../nearest.ts'
import type { Source } from '../../nouns.ts'
import { failure } from '../errors.ts'
import type { Project } from '../project.ts'
import { envSource, outsideOf, secretNames, secretSource } from './inventory.ts'

/** All names there are, also those inside .env.enc. */
export async function allNames(project: Project): Promise<string[]> {
  const inEnvFile = existsSync(project.envFile) ? (await outsideOf(envSource(project))).names : []
  return [...new Set([...secretNames(project), ...inEnvFile])]
}

/** The file that holds a name. Throws secret-missing, with the name that was perhaps meant. */
export async function findSecret(project: Project, name: string): Promise<Source> {
  if (secretNames(project).includes(name)) return secretSource(project, name)
  const names = await allNames(project)
  if (names.includes(name)) return envSource(project)
  throw failure('secret-missing', { name, near: nearest(name, names) })
}
