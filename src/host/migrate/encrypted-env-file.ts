/** `.env` that is encrypted already, as `sops encrypt -i` leaves it: it is `.env.enc`. */
import { existsSync } from 'node:fs'
import type { Document } from '../../nouns.ts'
import { quote } from '../../quote.ts'
import type { HostContext } from '../context.ts'
import { writeFile } from '../files/write.ts'
import { envSource } from '../store/inventory.ts'

/**
 * Gives an encrypted `.env` its name. Not one byte changes: it stays for those who could open it, and for them alone.
 * The values have been read from it before, by a key at hand.
 */
export async function nameEncrypted({ project, speak }: HostContext, document: Document): Promise<void> {
  const { path } = envSource(project)
  await writeFile(path, document.bytes, { over: 'new' })
  speak.note(`.env -> .env.enc: it was already encrypted (${document.format}), and was not changed`)
  if (existsSync(project.sopsConfig))
    speak.note(
      `who can open it: disinto secrets recipients list; disinto up adds the agents (${quote(path)})`,
    )
}
