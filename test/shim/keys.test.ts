import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { MARK, makeKey, Project } from './project.ts'

function withSecret(): Project {
  const project = new Project()
  project.secret('A', MARK)
  project.age('secrets/B.enc', MARK)
  return project
}

describe('a key that does not open', () => {
  test('no key anywhere', () => {
    const project = withSecret()
    rmSync(project.keyFile)
    const said = project.refused()
    expect(said).toMatch(/A\.enc: no age identity to open it with/)
    expect(said).toContain(project.keyFile)
  })

  test('no HOME to look in', () => {
    const said = withSecret().refused([], { env: { HOME: undefined } })
    expect(said).toMatch(/no age identity/)
    // No place is made up.
    expect(said).toContain('SOPS_AGE_KEY_CMD and no key file, as HOME is not set')
  })

  test('another key: the message names the recipients', () => {
    const project = withSecret()
    makeKey(project.keyFile)
    expect(project.refused(['--only', 'A'])).toContain(`it is encrypted to ${project.recipient}`)
    expect(project.refused(['--only', 'B'])).toMatch(/B\.enc: none of the age identities at hand opens it/)
  })

  test.each([
    ['empty', '', /keys\.txt can't be used \(it holds no identity\)/],
    ['only comments', '# nothing\n', /keys\.txt can't be used \(it holds no identity\)/],
    ['rubbish', `${MARK}\n`, /keys\.txt can't be used \(line 1 is no age identity\)/],
    ['a damaged identity', 'AGE-SECRET-KEY-1QQQQ\n', /can't be used|none of the age identities/],
  ])('a key file that holds %s', (_, text, says) => {
    const project = withSecret()
    writeFileSync(project.keyFile, text)
    expect(project.refused(['--only', 'A'])).toMatch(says)
    expect(project.refused(['--only', 'B'])).toMatch(says)
  })

  test('a key file that is a directory', () => {
    const project = withSecret()
    rmSync(project.keyFile)
    mkdirSync(project.keyFile)
    expect(project.refused()).toMatch(/keys\.txt can't be used \(EISDIR\)/)
  })

  test('SOPS_AGE_KEY_FILE names nothing', () => {
    const project = withSecret()
    rmSync(project.keyFile)
    expect(project.refused([], { env: { SOPS_AGE_KEY_FILE: '/proc/nowhere' } })).toMatch(
      /\/proc\/nowhere can't be used \(ENOENT\)/,
    )
  })

  test.skipIf(process.getuid?.() !== 0)('a key file that this user may not read', () => {
    const project = withSecret()
    chmodSync(project.directory, 0o755)
    chmodSync(project.home, 0o755)
    const said = project.refused([], { through: ['setpriv', '--reuid=12345', '--clear-groups'] })
    expect(said).toMatch(/keys\.txt can't be used \(EACCES\)/)
  })
})

describe('a key that opens', () => {
  test('in a file with comments, blank lines, CRLF and several identities', () => {
    const project = withSecret()
    const right = readFileSync(project.keyFile, 'utf8')
    const other = join(project.home, 'other')
    makeKey(other)
    const lines = ['# mine', '', ...readFileSync(other, 'utf8').split('\n'), ...right.split('\n'), '# end']
    writeFileSync(project.keyFile, lines.join('\r\n'))
    expect(project.load().get('A')).toBe(MARK)
    expect(project.load().get('B')).toBe(MARK)
  })

  test('by a command that is relative to where the shim was started, whose .sops.yaml counts for nothing', () => {
    const project = withSecret()
    const key = readFileSync(project.keyFile, 'utf8')
    rmSync(project.keyFile)
    const command = project.write('elsewhere/bin/key', `#!/bin/sh\ncat <<'KEY'\n${key}KEY\n`)
    chmodSync(command, 0o755)
    project.write('elsewhere/.sops.yaml', 'no rules: [')
    const all = project.load(['--root', project.directory], {
      cwd: project.path('elsewhere'),
      env: { SOPS_AGE_KEY_CMD: 'bin/key' },
    })
    expect(all.get('A')).toBe(MARK)
  })

  test('in SOPS_AGE_KEY, SOPS_AGE_KEY_FILE, SOPS_AGE_KEY_CMD or XDG_CONFIG_HOME', () => {
    const project = withSecret()
    const moved = join(project.home, 'sops/age/keys.txt')
    mkdirSync(join(project.home, 'sops/age'), { recursive: true })
    writeFileSync(moved, readFileSync(project.keyFile), { mode: 0o600 })
    rmSync(project.keyFile)
    const identity =
      readFileSync(moved, 'utf8')
        .split('\n')
        .find((line) => line.startsWith('AGE-')) ?? ''
    for (const env of [
      { SOPS_AGE_KEY: identity },
      { SOPS_AGE_KEY_FILE: moved },
      { SOPS_AGE_KEY_CMD: `cat "${moved}"` },
      { XDG_CONFIG_HOME: project.home },
    ]) {
      const environment = project.load([], { env })
      expect(environment.get('A')).toBe(MARK)
      expect(environment.get('B')).toBe(MARK)
    }
  })

  test('an empty SOPS_AGE_KEY_FILE counts as not set', () => {
    expect(
      withSecret()
        .load([], { env: { SOPS_AGE_KEY_FILE: '' } })
        .get('A'),
    ).toBe(MARK)
  })

  test('in a file that others can read, with a warning', () => {
    const project = withSecret()
    chmodSync(project.home, 0o755)
    chmodSync(project.keyFile, 0o644)
    const result = project.run(['--', 'true'])
    expect(result.status).toBe(0)
    expect(result.stderr).toMatch(
      /^disinto: warning: .*keys\.txt: other users can read this key\ndisinto: hint: chmod 600/,
    )
  })

  test('a post-quantum one', () => {
    const project = withSecret()
    const recipient = makeKey(project.keyFile, ['-pq'])
    project.write('secrets/P.enc', project.sealedTo(recipient, '{"P":"quantum"}'))
    expect(project.load(['--only', 'P']).get('P')).toBe('quantum')
  })
})

test('the command does not get the key, unless --keep-key', () => {
  const project = withSecret()
  const key =
    readFileSync(project.keyFile, 'utf8')
      .split('\n')
      .find((line) => line.startsWith('AGE-')) ?? ''
  const env = {
    SOPS_AGE_KEY: key,
    SOPS_AGE_KEY_FILE: project.keyFile,
    SOPS_AGE_KEY_CMD: 'false',
    SOPS_AGE_SSH_PRIVATE_KEY_FILE: '/proc/nowhere',
    SOPS_AGE_SSH_PRIVATE_KEY_CMD: 'false',
  }
  const without = project.load([], { env })
  expect([...without.keys()].filter((name) => name.startsWith('SOPS_'))).toEqual([])
  const kept = project.load(['--keep-key'], { env })
  expect([...kept.keys()].filter((name) => name.startsWith('SOPS_'))).toEqual(Object.keys(env))
})
