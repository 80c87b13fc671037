/** A thread that reads what it is sent, so that a reader that hangs can be ended. */
import { parentPort, workerData } from 'node:worker_threads'
import { parseIdentities } from '../../src/age/identities.ts'
import { isAnswer, readers } from './readers.ts'

const all = readers(parseIdentities(String(workerData)))

parentPort?.on('message', async ({ reader, bytes }: { reader: string; bytes: Uint8Array }) => {
  try {
    await all[reader]?.(Buffer.from(bytes))
    parentPort?.postMessage('read')
  } catch (error) {
    parentPort?.postMessage(
      isAnswer(error) ? 'answered' : `${error instanceof Error ? error.stack : typeof error}`,
    )
  }
})
