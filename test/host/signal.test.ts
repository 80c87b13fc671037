/** A signal to the host command, while another program is asked. */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { DISINTO } from '../helpers/parts.ts'
import { Host, MARK } from './host.ts'

/** As the kernel has it; a zombie is nobody any more. */
function stateOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) (\w).*$/s, '$1')
  } catch {
    return 'gone'
  }
}

test.each(['SIGTERM', 'SIGHUP', 'SIGINT'] as const)('%s ends the key command, too', async (signal) => {
  const host = new Host()
  host.add('TOKEN', MARK)
  const script = host.write('../asked', '#!/bin/sh\necho $$ >../pid\nexec sleep 1000\n')
  const env = { SOPS_AGE_KEY_CMD: `sh ${script}`, SOPS_AGE_KEY_FILE: undefined, HOME: host.path('../nobody') }
  const child = spawn(process.execPath, [DISINTO, 'secrets', 'show', 'TOKEN'], {
    ...{ cwd: host.directory, env: host.environment(env), stdio: 'ignore' },
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const ended = new Promise((resolve) => child.on('close', (_, by) => resolve(by)))
  const pid = () => (host.exists('../pid') ? Number(host.read('../pid')) : 0)
  const wait = () => new Promise((resolve) => setTimeout(resolve, 10))
  while (pid() === 0) await wait()
  child.kill(signal)
  expect(await ended).toBe(signal)
  while (!['gone', 'Z', 'X'].includes(stateOf(pid()))) await wait()
})
