/** What is root beside the command, and what the command can plant for it. */
import { chmod, chown, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  docker,
  expectFailure,
  freshValue,
  IMAGE,
  must,
  Place,
  scratch,
  shell,
  untilSaid,
  useImage,
} from './image.ts'

useImage()

const QUIET = ['--env', 'DISINTO_SUMMARY=0']

describe('beside the command', () => {
  test('what docker starts has root’s home, and reads none of the agent’s files', async () => {
    const place = await (await Place.make()).secret('TOKEN', 'value')
    const plant = [
      'for f in .bashrc .profile .bash_profile .gitconfig .npmrc; do echo "touch /home/agent/taken" > ~/$f; done',
      'printf "[alias]\\n\\tstatus = !touch /home/agent/taken\\n[core]\\n\\tfsmonitor = touch /home/agent/taken; false\\n" > ~/.gitconfig',
      'git init -q . && git config core.fsmonitor "touch /home/agent/taken; false"',
      'echo planted; exec sleep 600',
    ]
    const container = await place.start(shell(plant.join('; ')), ['--init'])
    await untilSaid(container, 'planted')
    expect(await must('docker', ['exec', container, 'sh', '-c', 'echo $HOME'])).toBe('/root')
    await docker(['exec', container, 'bash', '-ic', 'exit'])
    await docker(['exec', container, 'bash', '-lc', 'exit'])
    await docker(['exec', container, 'git', '-C', '/home/agent/work', 'status'])
    expect((await docker(['exec', container, 'test', '-e', '/home/agent/taken'])).exitCode).toBe(1)
  })

  test('disinto-entrypoint starts one more command with the secrets, as the agent', async () => {
    const token = freshValue('token')
    const place = await (await Place.make()).secret('TOKEN', token)
    const container = await place.start(shell('echo ready; exec sleep 600'), ['--init', ...QUIET])
    await untilSaid(container, 'ready')
    const exec = (flags: string[], ...command: string[]) =>
      docker(['exec', ...flags, container, 'disinto-entrypoint', ...command])
    const { stdout, exitCode } = await exec(
      [],
      'sh',
      '-c',
      'echo $(id -un) $HOME; test "$TOKEN" = "$0"',
      token,
    )
    expect({ stdout, exitCode }).toEqual({ stdout: 'agent /home/agent', exitCode: 0 })
    const names = (text: string) => text.split('\n').map((line) => line.replace(/=.*/s, ''))
    const bare = names((await docker(['exec', container, 'env'])).stdout)
    expect(new Set(names((await exec([], 'env')).stdout))).toEqual(new Set([...bare, 'TOKEN']))
    const kept = await exec(['--env', 'PWD=/somewhere', '--env', 'NODE_OPTIONS=--require=/none.js'], 'env')
    expect(kept.stdout).toMatch(/^PWD=/m)
    expect(kept.stdout).toMatch(/^NODE_OPTIONS=--require=\/none\.js$/m)
  })

  test('a health check through it is healthy, and one without it has no secret', async () => {
    const place = await (await Place.make()).secret('TOKEN', 'value')
    const check = (command: string) => [
      '--health-cmd',
      command,
      '--health-interval',
      '1s',
      '--health-retries',
      '1',
    ]
    const states = async (command: string) => {
      const container = await place.start(['sleep', '600'], ['--init', ...QUIET, ...check(command)])
      for (;;) {
        const state = await must('docker', ['inspect', '--format', '{{.State.Health.Status}}', container])
        if (state !== 'starting') return state
      }
    }
    expect(await states('disinto-entrypoint sh -c \'test "$TOKEN" = value\'')).toBe('healthy')
    expect(await states('test "$TOKEN" = value')).toBe('unhealthy')
  })
})

describe('what was prepared for root is the command’s', () => {
  test('its stdio can be opened by name, as with docker run --user', async () => {
    const place = await Place.make()
    const script = 'cat /dev/stdin; echo o >/dev/stdout; echo e >/dev/stderr; echo t | tee /dev/stderr'
    const result = await place.run(shell(script), [...QUIET, '--interactive'], 'in\n')
    expect(result).toEqual({ exitCode: 0, stdout: 'in\no\nt', stderr: 'e\nt' })
  })

  test('its terminal can be', async () => {
    const place = await Place.make()
    const script = 'echo by-name > $(tty); stty size > /dev/null < $(tty) && echo read'
    const { stdout } = await place.runOnTerminal(shell(script), [...QUIET, '--tty', '--interactive'])
    expect(stdout).toMatch(/by-name\r?\nread/)
  })

  test('without CAP_CHOWN the start is as good, and the names stay closed', async () => {
    const place = await Place.make()
    const flags = [...QUIET, '--cap-drop', 'ALL', '--cap-add', 'SETUID', '--cap-add', 'SETGID']
    const { stdout, stderr } = await place.run(shell('echo plain; echo named > /dev/stdout'), flags)
    expect(stdout).toBe('plain')
    expect(stderr).toMatch(/\/dev\/stdout: Permission denied/)
  })

  test('--group-add is kept', async () => {
    const place = await Place.make()
    const { stdout } = await place.run(['id', '-G'], [...QUIET, '--group-add', '2000', '--group-add', '3000'])
    expect(new Set(stdout.split(' '))).toEqual(new Set(['1000', '2000', '3000']))
  })
})

describe('a key that the agent can have', () => {
  const started = shell('echo started')

  test.each([
    ['a tmpfs over the home', async () => ['--tmpfs', '/home/agent']],
    [
      'a directory of the agent’s over the home',
      async () => {
        const home = await scratch()
        await chown(home, 1000, 1000)
        return ['--volume', `${home}:/home/agent`]
      },
    ],
  ])('stops the start: %s', async (_, flagsFor) => {
    const place = await (await Place.make()).secret('TOKEN', 'value')
    await chown(place.path('age'), 1000, 1000)
    await chown(place.path('age', 'keys.txt'), 1000, 1000)
    const flags = await flagsFor()
    const result = await place.run(started, flags)
    expectFailure(
      result,
      125,
      /keys\.txt: agent, whom the command would run as, could (?:read|move or replace) this key/,
    )
    // As the hint has it.
    const allowed = await place.run(started, [...QUIET, ...flags, '--env', 'DISINTO_ALLOW_READABLE_KEY=1'])
    expect(allowed).toMatchObject({ exitCode: 0, stdout: 'started' })
    expect(allowed.stderr).toMatch(/^disinto: warning: .*keys\.txt: agent/)
    expect((await place.run(started, QUIET)).stdout).toBe('started')
  })

  test('does not stop it where root owns the key and what is above it', async () => {
    const place = await (await Place.make()).secret('TOKEN', 'value')
    await chmod(place.path('age', 'keys.txt'), 0o600)
    const result = await place.run(started, [...QUIET, '--tmpfs', '/home/agent'])
    expect(result).toEqual({ exitCode: 0, stdout: 'started', stderr: '' })
  })

  test('an empty DISINTO_USER is told', async () => {
    const place = await (await Place.make()).secret('TOKEN', 'value')
    const result = await place.run(['id', '-un'], [...QUIET, '--env', 'DISINTO_USER='])
    expect(result.stdout).toBe('root')
    expect(result.stderr).toMatch(/^disinto: warning: DISINTO_USER is empty, so the command runs as root/)
  })
})

describe('a working directory that leads to the key', () => {
  const KEYS = '/home/agent/.config/sops/age'
  /** A key as it is on most people's machines, theirs and so the agent's by its uid: what is above it protects it. */
  const placeWithKeyOfUid1000 = async () => {
    const place = await (await Place.make()).secret('TOKEN', 'value')
    await chown(place.path('age'), 1000, 1000)
    await chown(place.path('age', 'keys.txt'), 1000, 1000)
    return place
  }

  test('can’t be put in the place of the image’s by the agent', async () => {
    const place = await placeWithKeyOfUid1000()
    const plant = `cd /; mv ~/work ~/gone; rm -rf ~/work; ln -sfnT ${KEYS} ~/work; echo planted; exec sleep 600`
    const container = await place.start(shell(plant), ['--init', ...QUIET])
    await untilSaid(container, 'planted')
    await must('docker', ['restart', '--time', '0', container])
    await untilSaid(container, 'planted', 2)
    const look = shell('pwd; test -e keys.txt || echo no key')
    for (const words of [[container], ['--user', 'agent', container], [container, 'disinto-entrypoint']])
      expect((await docker(['exec', ...words, ...look])).stdout).toBe('/home/agent/work\nno key')
  })

  test('stops the start where it is one all the same', async () => {
    const place = await placeWithKeyOfUid1000()
    const result = await place.run(shell('cat keys.txt'), ['--workdir', KEYS])
    expectFailure(result, 125, /keys\.txt: agent, whom the command would run as, could read this key/)
  })

  test('a repository in the working directory itself is the agent’s for git', async () => {
    const place = await Place.make()
    const { exitCode, stderr } = await place.run(shell('git init -q . && git status -s'))
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: expect.not.stringContaining('dubious') })
  })
})

describe('directories of values that the agent has planted', () => {
  test.each([
    ['by another’s name, with no room for a value', '_000000000000-9-9-00000000', 'true'],
    ['of a process that is gone, closed to their owner', '-99999-9-00000000', 'chmod 0 $n/TOKEN $n'],
  ])('hold up no start: %s', async (_, end, close) => {
    const place = await (await Place.make()).secret('TOKEN', 'value')
    const name = `n=$(echo $TOKEN_FILE | sed -E 's,/TOKEN$,,; s,${end.startsWith('_') ? '_[^_]*' : '-[0-9]+-[0-9]+-[0-9a-f]{8}'}$,${end},')`
    const plant = `${name}; mkdir -p $n/TOKEN/x; ${close}; echo planted; exec sleep 600`
    const files = ['--env', 'DISINTO_AS_FILE=TOKEN']
    const container = await place.start(shell(plant), ['--init', ...QUIET, ...files])
    await untilSaid(container, 'planted')
    const words = [container, 'disinto-entrypoint', ...shell('cat $TOKEN_FILE')]
    expect(await docker(['exec', ...words])).toEqual({ exitCode: 0, stdout: 'value', stderr: '' })
  })
})

describe('a home that the agent has written', () => {
  test('starts no program and holds up no start', async () => {
    const place = await (await Place.make()).envFile({ TOKEN: 'value' })
    const home = await scratch()
    for (const directory of ['.aws', '.ssh', '.config']) await mkdir(join(home, directory))
    await writeFile(join(home, 'planted'), '#!/bin/sh\ntouch /home/agent/taken\necho "{}"\n', { mode: 0o755 })
    await writeFile(
      join(home, '.aws/config'),
      '[default]\nregion = eu-west-1\ncredential_process = /home/agent/planted\n',
    )
    await must('mkfifo', [join(home, '.ssh/id_ed25519')])
    await must('chown', ['-R', '1000:1000', home])
    const kms =
      'sops_kms__list_0__map_arn=arn:aws:kms:eu-west-1:111122223333:key/1\nsops_kms__list_0__map_enc=AQ==\n'
    await place.change('.env.enc', (text) => `${text.trimEnd()}\n${kms}`)
    // The key is where the agent is not, and its home is not in the way.
    const key = ['--volume', `${place.path('age')}:/run/age:ro`, '--volume', `${home}:/home/agent`]
    const mounts = ['--volume', `${place.path('.env.enc')}:/etc/disinto/.env.enc:ro`, ...key]
    for (const engine of ['auto', 'sops']) {
      const key = ['--env', 'SOPS_AGE_KEY_FILE=/run/age/keys.txt']
      const flags = [...QUIET, ...key, '--env', `DISINTO_ENGINE=${engine}`, '--env', 'HOME=/home/agent']
      const result = await docker(['run', '--rm', ...mounts, ...flags, IMAGE, 'sh', '-c', 'echo $TOKEN'])
      expect(result, engine).toEqual({ exitCode: 0, stdout: 'value', stderr: '' })
    }
    expect(
      (await docker(['run', '--rm', '--entrypoint', 'test', ...mounts, IMAGE, '-e', '/home/agent/taken']))
        .exitCode,
    ).toBe(1)
  })
})

describe('a uid of an orchestrator’s own', () => {
  test('is told what works, and has a home and a working directory to write in', async () => {
    const place = await (await Place.make()).envFile({ TOKEN: 'value' })
    for (const file of ['.', 'age', 'age/keys.txt', '.env.enc']) await chmod(place.path(file), 0o755)
    const flags = [...QUIET, '--user', '1234560000:0', '--volume', `${place.path('age')}:/run/age:ro`]
    const env = ['--env', 'SOPS_AGE_KEY_FILE=/run/age/keys.txt']
    const script = shell('echo $TOKEN; echo x > ~/x && echo x > ./x && echo written to $HOME')
    const refused = await place.run(script, [...flags, ...env])
    expectFailure(refused, 125, /only root can become another user, and this is uid 1234560000/)
    expect(refused.stderr).toContain('docker run -e DISINTO_USER=')
    const result = await place.run(script, [...flags, ...env, '--env', 'DISINTO_USER='])
    expect(result.stdout).toBe('value\nwritten to /home/any')
  })
})
