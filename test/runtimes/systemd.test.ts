import { copyFileSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { build, docker, freshValue, must, Place, REPOSITORY, until } from '../image/image.ts'
import { knownInImage } from '../proof/known.ts'
import { containerFacts, difference, type Facts, need } from '../proof/launch.ts'

const IMAGE = 'disinto-runtimes-systemd'
const DOCKERFILE = `FROM node:26-bookworm-slim
RUN apt-get update \\
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends systemd \\
 && rm -rf /var/lib/apt/lists/*
`
const page = readFileSync(join(REPOSITORY, 'docs/keys.md'), 'utf8')
const UNIT = page.split('<!-- unit -->\n```ini\n')[1]?.split('```')[0] ?? ''

let container = ''
const inside = (script: string): Promise<string> => must('docker', ['exec', container, 'sh', '-ec', script])

/** A container whose process 1 is systemd, with the bundles where the page has them. */
beforeAll(async () => {
  need('docker')
  const context = await must('mktemp', ['--directory'])
  writeFileSync(join(context, 'Dockerfile'), DOCKERFILE)
  await build(IMAGE, context, 'Dockerfile')
  await must('rm', ['-r', context])
  const flags = [
    // systemd mounts, and keeps its control groups in the hierarchy that is the machine's.
    ...['--cap-add', 'SYS_ADMIN', '--security-opt', 'seccomp=unconfined', '--cgroupns', 'host'],
    ...['--volume', '/sys/fs/cgroup:/sys/fs/cgroup', '--tmpfs', '/run', '--tmpfs', '/run/lock'],
    ...['--network', 'none', '--env', 'container=docker'],
    ...['--volume', `${join(REPOSITORY, 'entrypoint')}:/opt/disinto:ro`],
  ]
  // It would mount every controller that the kernel has; those that this machine leaves out would then show in the
  // /proc of all other processes here.
  const first = [
    'mount --make-rshared /',
    "awk 'NR == 1 || $2 != 0' /proc/cgroups >/tmp/cgroups",
    'mount --bind /tmp/cgroups /proc/cgroups',
    'exec /lib/systemd/systemd',
  ].join('; ')
  container = await must('docker', ['run', '--detach', ...flags, IMAGE, 'sh', '-c', first])
  await until(async () => {
    const { stdout } = await docker(['exec', container, 'systemctl', 'is-system-running'])
    expect(stdout).toBe('running')
  })
}, 1_800_000)

afterAll(async () => {
  if (container !== '') await must('docker', ['rm', '--force', container])
})

/** Puts a unit in place and starts it. */
async function startUnit(name: string, text: string): Promise<void> {
  await must('docker', ['exec', '--interactive', container, 'tee', `/etc/systemd/system/${name}.service`], {
    input: text,
  })
  await inside(`systemctl daemon-reload; systemctl start ${name}`)
}

test.each([
  { credential: 'LoadCredentialEncrypted', line: 'LoadCredentialEncrypted=age:/etc/disinto/age.cred' },
  { credential: 'LoadCredential', line: 'LoadCredential=age:/etc/disinto/keys.txt' },
])('the unit of docs/keys.md has the value, and can’t read its key, with $credential', async ({ line }) => {
  const token = freshValue('token')
  const place = await (await Place.make()).secret('TOKEN', token)
  const files = place.path('disinto')
  mkdirSync(files)
  copyFileSync(place.path('age', 'keys.txt'), join(files, 'keys.txt'))
  cpSync(place.path('secrets'), join(files, 'secrets'), { recursive: true })
  await inside('rm -rf /etc/disinto')
  await must('docker', ['cp', files, `${container}:/etc/disinto`])
  await inside('chown -R root:root /etc/disinto; chmod 700 /etc/disinto')
  if (line.startsWith('LoadCredentialEncrypted')) {
    await inside('cd /etc/disinto; systemd-creds encrypt --name=age keys.txt age.cred; rm keys.txt')
  }
  await startUnit('agent', UNIT.replace(/^LoadCredential.*$/m, line))
  const main = await inside('systemctl show --property MainPID --value agent')
  await until(async () => {
    expect(await inside(`tr '\\0' ' ' </proc/${main}/cmdline`)).toBe('/usr/bin/sleep infinity ')
  })
  const environment = (await inside(`tr '\\0' '\\n' </proc/${main}/environ`)).split('\n')
  expect(environment).toContain(`TOKEN=${token}`)
  expect(environment).toContain('CREDENTIALS_DIRECTORY=/run/credentials/agent.service')
  expect(environment.filter((entry) => /^SOPS_|AGE-SECRET-KEY/.test(entry))).toEqual([])
  expect(await inside(`grep ^Uid: /proc/${main}/status`)).toBe('Uid:\t65534\t65534\t65534\t65534')
  const read = ['exec', '--user', '65534', container, 'cat', '/run/credentials/agent.service/age']
  expect((await docker(read)).stderr).toMatch(/Permission denied/)
  // Neither is said in the journal, nor shown by systemctl.
  const said = await inside('journalctl --no-pager --output cat --unit agent; systemctl show agent')
  expect(said).not.toContain(token)
  expect(said).not.toContain('AGE-SECRET-KEY')
  await inside('systemctl stop agent')
})

test('the command of a unit can’t tell the shim from a bare start, but for the documented differences', async () => {
  await must('docker', ['cp', join(REPOSITORY, 'test/proof/probe.sh'), `${container}:/root/probe.sh`])
  const probe = async (before: string): Promise<Facts> => {
    // Not as a script: the shell would have a descriptor of its own for that.
    const command = `/bin/sh -c 'eval "$$(cat /root/probe.sh)"' probe /root/report`
    await startUnit('probe', `[Service]\nType=oneshot\nExecStart=${before}${command}\n`)
    const report = await inside('cat /root/report')
    const facts = containerFacts(report, '/root')
    // Another for each start of a unit.
    const environ = facts['environ']?.replaceAll(
      /^(INVOCATION_ID|JOURNAL_STREAM|SYSTEMD_EXEC_PID)=.*$/gm,
      '$1',
    )
    return { ...facts, environ }
  }
  const bare = await probe('')
  const shim = await probe(`${/^ExecStart=(.*") /m.exec(UNIT)?.[1]} `)
  expect(Object.keys(bare).length).toBeGreaterThan(60)
  const { environ: _environ, ...known } = knownInImage(bare)
  // systemd ignores SIGPIPE for its services, and its soft limit on open files is below the hard one.
  expect(new Set(Object.keys(known))).toEqual(new Set(['limit.Max open files', 'status.SigIgn']))
  expect(difference(bare, shim)).toEqual(known)
})
