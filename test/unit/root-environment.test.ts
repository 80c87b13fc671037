import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { rootEnvironment } from '../../src/root-environment.ts'

/** A directory of root's with `theirs` in it, which uid 1000 can write. */
function places() {
  const root = mkdtempSync(join(tmpdir(), 'disinto-root-'))
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  chmodSync(root, 0o755)
  const theirs = join(root, 'theirs')
  mkdirSync(theirs)
  chownSync(theirs, 1000, 1000)
  const environment = (variables: Record<string, string>, kept: string[] = []) =>
    Object.fromEntries(rootEnvironment(new Map(Object.entries(variables)), root, kept))
  return { root, theirs, environment }
}

describe.runIf(process.getuid?.() === 0)('what root starts (needs root)', () => {
  test('has a HOME that root alone can write', () => {
    const { root, theirs, environment } = places()
    expect(environment({ HOME: root })['HOME']).toBe(root)
    for (const home of [theirs, join(theirs, 'x'), 'relative', '']) {
      expect(['/root', '/']).toContain(environment({ HOME: home })['HOME'])
    }
    expect(['/root', '/']).toContain(environment({})['HOME'])
  })

  test('finds programs only where root alone can put them', () => {
    const { theirs, environment } = places()
    expect(environment({ PATH: `${theirs}:.::/usr/bin:bin:/bin` })['PATH']).toBe('/usr/bin:/bin')
    expect(environment({ PATH: theirs })['PATH']).toMatch(/^\/usr\/local\/sbin:.*:\/bin$/)
  })

  test('does not get a variable that leads to what somebody else can write, whatever it is called', () => {
    const { root, theirs, environment } = places()
    const kept = {
      AWS_REGION: 'eu-west-1',
      AWS_ENDPOINT_URL: 'http://127.0.0.1:5000/theirs',
      VAULT_CACERT: '/etc/ssl/certs/ca.crt',
      AWS_CONFIG_FILE: '/dev/null',
      MODE: 'a/b:c',
      X: root,
    }
    const dropped = {
      XDG_CONFIG_HOME: theirs,
      AWS_SHARED_CREDENTIALS_FILE: join(theirs, 'not-there'),
      GNUPGHOME: 'theirs',
      PYTHONPATH: `/usr/lib/python3:${theirs}`,
      ANYTHING: join(theirs, '../theirs'),
      TMPDIR: '/tmp',
    }
    const { HOME, ...environmentOfChild } = environment({ ...kept, ...dropped })
    expect(environmentOfChild).toEqual(kept)
    expect(environment(dropped, ['GNUPGHOME'])).toEqual({ GNUPGHOME: 'theirs', HOME })
  })
})
