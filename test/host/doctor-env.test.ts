import { chmodSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { Host, MARK } from './host.ts'

/** The findings about env files, as "severity code: what follows the file". */
function findings(host: Host): string[] {
  const { stdout } = host.run(['doctor', '--json'])
  expect(stdout).not.toContain(MARK)
  const { findings: all } = JSON.parse(stdout) as {
    findings: Array<{ code: string; severity: string; message: string }>
  }
  return all
    .filter(({ code }) => /^(?:plaintext|env|dotenv)-/.test(code))
    .map(({ severity, code, message }) => `${severity} ${code}: ${message.replace(/^\S+: /, '')}`)
}

function withEnv(text: string): Host {
  const host = new Host()
  host.write('.env', text)
  host.well(['secrets', 'migrate'])
  return host
}

function plain(host: Host, text: string): void {
  chmodSync(host.write('.env', text), 0o600)
}

describe('doctor on .env', () => {
  test.each([
    ['that sets nothing', '# comments alone\n', []],
    ['that sets something', `A=${MARK}\n`, ['warning plaintext-env: secrets in plaintext']],
    [
      'with a value that is cut',
      `A=1#${MARK}\n`,
      [
        'warning dotenv-hash: line 1 (A): the value ends before a # that has no blank before it',
        'warning plaintext-env: secrets in plaintext',
      ],
    ],
    [
      'that only others read otherwise',
      `A='pa$word'\nB=$A\n`,
      [
        'warning plaintext-env: secrets in plaintext',
        'note dotenv-compose: line 2 (B): docker compose reads it differently',
      ],
    ],
  ])('alone, %s', (_, text, wanted) => {
    const host = new Host()
    plain(host, text)
    expect(findings(host)).toEqual(wanted)
  })

  test.each([
    ['compose’s own file', 'PORT=8080\nIMAGE_TAG=1.2\n', []],
    [
      'names that both have',
      `TOKEN=${MARK}\nPORT=1\n`,
      ['error plaintext-left: plaintext left over beside .env.enc, which is used for TOKEN'],
    ],
    [
      'secrets that only it has',
      `DB_PASSWORD=${MARK}\nPORT=1\n`,
      ['warning plaintext-secret: secrets in plaintext, to judge by their names: DB_PASSWORD'],
    ],
  ])('beside .env.enc: %s', (_, text, wanted) => {
    const host = withEnv(`TOKEN=${MARK}\n`)
    plain(host, text)
    expect(findings(host)).toEqual(wanted)
  })

  test('what people said of a name counts', () => {
    const host = withEnv(`TOKEN=${MARK}\n`)
    plain(host, `KEY_LAYOUT_TOKEN=us\nADDRESS=${MARK}\n`)
    host.write('.env.example', 'KEY_LAYOUT_TOKEN=  # [CONFIG] of the keyboard\nADDRESS=  # [SECRET]\n')
    expect(findings(host)).toEqual([
      'warning plaintext-secret: secrets in plaintext, to judge by their names: ADDRESS',
    ])
  })

  test('one that sops has encrypted is not called plaintext, and its fix works', () => {
    const host = new Host()
    host.well(['secrets', 'keygen'])
    host.write('.env', `TOKEN=${MARK}\n`)
    host.sops('encrypt', '-i', '.env')
    expect(findings(host)).toEqual(['note env-encrypted: is encrypted (sops-dotenv)'])
    host.well(['secrets', 'migrate'])
    expect(findings(host)).toEqual([])
    expect(host.envBySops()).toBe(`TOKEN=${MARK}\n`)
  })

  test('.env.enc: what sops set and dotenv reads otherwise is listed by line, what is lost as a warning', () => {
    const host = withEnv(`TOKEN=${MARK}\nQUOTED="${MARK}"\n`)
    const type = ['--input-type', 'dotenv', '--output-type', 'dotenv']
    host.sops('set', ...type, '.env.enc', '["PW"]', JSON.stringify(`p#${MARK}`))
    expect(findings(host)).toEqual([
      'warning dotenv-hash: line 3 (PW): the value ends before a # that has no blank before it',
      expect.stringMatching(
        /^note dotenv-sops: lines 2 \(QUOTED\), 3 \(PW\): stock sops reads it differently/,
      ),
    ])
    // By the hint of the page: set again, both agree.
    host.well(['secrets', 'rm', 'QUOTED', '--force'])
    host.well(['secrets', 'set', 'PW', '--force'], { input: `p#${MARK}` })
    expect(findings(host)).toEqual([expect.stringMatching(/^note dotenv-sops: line 2 \(PW\)/)])
  })

  test('a piece of a private key is no name', () => {
    const host = new Host()
    plain(
      host,
      `K=-----BEGIN PRIVATE KEY-----\nMIIabc+/${MARK}\nQUJDREVGabcdEFGH==\n-----END PRIVATE KEY-----\n`,
    )
    const all = findings(host).join('\n')
    expect(all).toContain('line 3: is part of an unquoted value of several lines')
    expect(all).not.toContain('QUJD')
  })
})
