/** `disinto secrets scan --logs` against the logs of real containers. */
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { expect, onTestFinished, test } from 'vitest'
import { Host, MARK } from '../host/host.ts'

test('a value in the log of a container is told by the container and the name', () => {
  const host = new Host()
  const project = `disinto-scan-${randomBytes(4).toString('hex')}`
  const env = { COMPOSE_PROJECT_NAME: project }
  const docker = (...words: string[]) => execFileSync('docker', words, { encoding: 'utf8' })
  host.well(['secrets', 'keygen'])
  host.add('TOKEN', `${MARK}-token`)
  const start = (name: string, command: string) => {
    onTestFinished(() => {
      docker('rm', '--force', name)
    })
    const label = `com.docker.compose.project=${project}`
    docker('run', '--name', name, '--label', label, 'debian:bookworm-slim', 'sh', '-c', command)
  }
  start(`${project}-quiet`, 'echo nothing')
  expect(host.well(['secrets', 'scan', '--logs'], { env })).toBe('')
  start(`${project}-loud`, `echo ${MARK}-token; echo x ${MARK}-token >&2`)
  const { status, stdout, stderr } = host.run(['secrets', 'scan', '--logs'], { env })
  const log = `log of ${project}-loud, standard`
  expect(stdout).toBe(`${log} output: TOKEN\n${log} error: TOKEN\n`)
  expect(stderr).toMatch(/searched \d+ files, \d\.\d MiB; 2 logs, 0\.0 MiB for 1 name: 2 found/)
  expect(status).toBe(1)
})
