import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { AGE, AGE_KEYGEN } from '../helpers/parts.ts'
import { Host, MARK } from './host.ts'

describe.runIf(process.getuid?.() === 0)('root by sudo', () => {
  const env = { SUDO_USER: 'ann', SUDO_UID: '1000' }

  test.each([
    ['secrets keygen', ''],
    ['secrets add TOKEN', MARK],
    ['secrets migrate', ''],
  ])('%s makes no key in root’s home, and says what to do', (words, input) => {
    const host = new Host()
    host.write('.env', `A=${MARK}\n`)
    const told = host.fails(words.split(' '), { env, input })
    expect(told).toContain('run it as ann without sudo')
    expect(host.files(host.base)).toEqual(['project/.env'])
  })

  test('what root’s keys can’t open is told as that', () => {
    const host = new Host()
    host.add('TOKEN', MARK)
    const { status, stderr } = host.run(['secrets', 'show', 'TOKEN'], {
      env: { ...env, HOME: `${host.base}/none` },
    })
    expect(status).toBe(1)
    expect(stderr).toContain('run it as ann, or name the key')
    const named = { ...env, HOME: `${host.base}/none`, SOPS_AGE_KEY_FILE: host.keyFile }
    expect(host.well(['secrets', 'show', 'TOKEN'], { env: named })).toBe(`${MARK}\n`)
  })

  test('root’s own key is used, and made where root itself asks', () => {
    const host = new Host()
    host.well(['secrets', 'keygen'], { env: { SUDO_USER: 'root' } })
    host.well(['secrets', 'add', 'TOKEN'], { env, input: MARK })
    expect(host.bySops('TOKEN')).toBe(MARK)
  })
})

describe('an operator key with a passphrase', () => {
  /** A key file that age has encrypted with a passphrase, and its public half. */
  function locked(host: Host): string {
    const { keyFile, recipient } = host.stranger()
    mkdirSync(dirname(host.keyFile), { recursive: true, mode: 0o700 })
    // age asks the terminal twice.
    const line = `${AGE} -p -o ${host.keyFile} ${keyFile}`
    const typed = '(sleep 1; printf "correct horse\\n"; sleep 1; printf "correct horse\\n"; sleep 1)'
    spawnSync('sh', ['-c', `${typed} | script -qec '${line}' /dev/null`], { env: host.environment() })
    return recipient
  }

  test('is no missing one: doctor says what it is, and nothing makes another', () => {
    const host = new Host()
    const recipient = locked(host)
    const shown = host.run(['doctor', '--verbose']).stdout
    expect(shown).toContain('key-foreign: the operator key is an encrypted identity file')
    expect(shown).not.toContain('key-absent')
    const told = host.fails(['secrets', 'keygen'])
    expect(told).toContain('there is an operator key, but it is an encrypted identity file')
    expect(host.files()).toEqual([])
    // By the hint.
    writeFileSync(join(host.directory, '.sops.yaml'), `creation_rules:\n  - age: ${recipient}\n`)
    host.well(['secrets', 'add', 'TOKEN'], { input: MARK })
    expect(host.bySops('TOKEN', join(host.base, 'stranger.txt'))).toBe(MARK)
  })

  test('age-keygen makes one that is used', () => {
    const host = new Host()
    mkdirSync(dirname(host.keyFile), { recursive: true, mode: 0o700 })
    expect(spawnSync(AGE_KEYGEN, ['-o', host.keyFile]).status).toBe(0)
    host.well(['secrets', 'add', 'TOKEN'], { input: MARK })
  })
})
