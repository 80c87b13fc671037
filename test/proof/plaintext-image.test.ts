import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import { docker, freshValue, must, Place, shell, useImage } from '../image/image.ts'
import { proposalFor, Stack } from '../stack/stack.ts'
import { need } from './launch.ts'
import { filesHolding, leaks, newFilesHolding, tracer } from './trace.ts'

useImage()
beforeAll(() => need('strace', 'docker'))

const PLACES = ['/tmp', '/var/tmp', '/dev/shm', '/run']

/** What Docker itself has written down about its containers: their settings and logs, but not their layers. */
async function dockersOwn(): Promise<string> {
  return `${await must('docker', ['info', '--format', '{{.DockerRootDir}}'])}/containers`
}

describe('under strace, from the host to the container, no value is written but to a pipe, by', () => {
  test('vault-run', async () => {
    const since = Date.now()
    const stack = await Stack.make()
    const [hub, other] = [freshValue('hub'), freshValue('other')]
    await stack.secret('CLAWHUB_TOKEN', hub)
    await stack.secret('OTHER_TOKEN', other)
    await stack.proposal('p1', proposalFor('CLAWHUB_TOKEN'))
    const { through, calls } = tracer()
    const result = await stack.run(['vault-run', 'p1', '--', 'sh', '-c', 'test -n "$CLAWHUB_TOKEN"'], {
      through,
    })
    expect(result.exitCode, result.stderr).toBe(0)
    expect(leaks(calls(), [hub, other])).toEqual([])
    expect(filesHolding([hub, other], [stack.directory, stack.home, await dockersOwn()])).toEqual([])
    expect(newFilesHolding([hub, other], PLACES, since)).toEqual([])
  })

  test('up, with a stack that has its secrets mounted', async () => {
    const since = Date.now()
    const stack = await Stack.make()
    const value = freshValue('token')
    await stack.envFile({ FORGE_TOKEN: value })
    const { through, calls } = tracer()
    const result = await stack.run(['up'], { through })
    expect(result.exitCode, result.stderr).toBe(0)
    expect(leaks(calls(), [value])).toEqual([])
    const inspected = await docker(['inspect', await stack.container()])
    expect(inspected.stdout.includes(value)).toBe(false)
    expect(filesHolding([value], [stack.directory, stack.home, await dockersOwn()])).toEqual([])
    expect(newFilesHolding([value], PLACES, since)).toEqual([])
  })
})

test('in the image the command, and whoever is its user, finds no key: in no file, and in no environment', async () => {
  const place = await (await Place.make()).secret('TOKEN', freshValue('token'))
  const key = /AGE-SECRET-KEY-1\w+/.exec(readFileSync(place.path('age', 'keys.txt'), 'utf8'))?.[0] ?? ''
  const script = `
    grep -rlsaF "$PATTERN" /home /etc /opt /tmp /run /var /dev/shm /root 2>/dev/null
    for p in /proc/[0-9]*; do
      tr '\\0' '\\n' <$p/environ | grep -vF PATTERN= | grep -aqF "$PATTERN" && echo "environment of $p"
    done
    cat /home/agent/.config/sops/age/keys.txt 2>&1 | grep -c 'Permission denied'`
  // A piece of the key is enough to find it, and not enough to be it.
  const { stdout, exitCode } = await place.run(shell(script), ['--env', `PATTERN=${key.slice(16, 48)}`])
  expect({ stdout, exitCode }).toEqual({ stdout: '1', exitCode: 0 })
})
