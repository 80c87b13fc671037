/** The services that the compose files name. They are read without compose: what must be quick may be wrong. */

import { readRegular } from '../../load/read.ts'
import { parseYaml } from '../../yaml.ts'
import type { HostContext } from '../context.ts'
import { checkServiceName } from '../project.ts'
import { composeFiles } from './settings.ts'

function isServiceName(name: string): boolean {
  try {
    checkServiceName(name)
    return true
  } catch {
    return false
  }
}

/** Returns the names, each once; none of a file that can't be read, nor of those that it includes or extends. */
export async function serviceNames(context: HostContext): Promise<string[]> {
  const names = new Set<string>()
  try {
    for (const path of composeFiles(context)) {
      const document = await parseYaml(path, readRegular(path).toString())
      const root: unknown = document?.toJS({ maxAliasCount: -1 })
      const services = new Map(Object.entries(Object(root))).get('services')
      for (const name of Object.keys(Object(services))) if (isServiceName(name)) names.add(name)
    }
  } catch {
    // What is wrong with them is said where they are needed.
  }
  return [...names]
}
