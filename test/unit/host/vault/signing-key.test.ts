import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { HostContext } from '../../../../src/host/context.ts'
import { findSigningKey } from '../../../../src/host/vault/signing-key.ts'
import { isArmored, NAMESPACE, runKeygen } from '../../../../src/host/vault/ssh-keygen.ts'
import { Vault } from './vault.ts'

/** What git is told to sign with, in the person's own configuration. */
function gitSigns(vault: Vault, key: string, file = '.gitconfig'): void {
  const path = join(vault.home, file)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, `[user]\n\tsigningkey = ${JSON.stringify(key)}\n`)
}

const withVariables = (vault: Vault, more: Readonly<Record<string, string>>): HostContext => ({
  ...vault.context,
  variables: new Map([...vault.context.variables, ...Object.entries(more)]),
})

describe('the key that an approval is signed with', () => {
  test('is the file that is named, from where we are', async () => {
    const vault = new Vault()
    gitSigns(vault, '/elsewhere')
    expect(await findSigningKey(vault.context, vault.key)).toEqual({ kind: 'file', path: vault.key })
    expect(await findSigningKey(vault.context, '../me')).toEqual({ kind: 'file', path: vault.key })
    await expect(findSigningKey(vault.context, 'none')).rejects.toMatchObject({
      code: 'signing-key-missing',
      message: expect.stringContaining('none'),
    })
    // A file may be called so; a key is taken from git alone.
    await expect(findSigningKey(vault.context, 'ssh-ed25519 AAAA')).rejects.toMatchObject({
      code: 'signing-key-missing',
    })
  })

  test('is git’s: a file, ~ and all, or a public key', async () => {
    const vault = new Vault()
    writeFileSync(join(vault.home, 'key'), '')
    gitSigns(vault, '~/key')
    expect(await findSigningKey(vault.context, undefined)).toEqual({
      kind: 'file',
      path: join(vault.home, 'key'),
    })
    for (const [text, key] of [
      ['key::ssh-ed25519 AAAA+/= a comment', 'ssh-ed25519 AAAA+/= a comment'],
      ['ssh-rsa AAAA', 'ssh-rsa AAAA'],
      ['ecdsa-sha2-nistp256 AAAA', 'ecdsa-sha2-nistp256 AAAA'],
      ['sk-ssh-ed25519@openssh.com AAAA', 'sk-ssh-ed25519@openssh.com AAAA'],
    ] as const) {
      gitSigns(vault, text)
      expect(await findSigningKey(vault.context, undefined)).toEqual({ kind: 'literal', text: key })
    }
    for (const text of ['x ssh-rsa AAAA', 'dsa-x AAAA', 'ssh-rsa !']) {
      gitSigns(vault, text)
      await expect(findSigningKey(vault.context, undefined)).rejects.toMatchObject({
        code: 'signing-key-missing',
      })
    }
  })

  test('is never one that a repository names', async () => {
    const vault = new Vault()
    execFileSync('git', ['init', '-q', vault.root])
    execFileSync('git', ['-C', vault.root, 'config', 'user.signingkey', vault.key])
    await expect(findSigningKey(vault.context, undefined)).rejects.toMatchObject({
      code: 'signing-key-missing',
    })
    gitSigns(vault, '')
    await expect(findSigningKey(vault.context, undefined)).rejects.toMatchObject({
      code: 'signing-key-missing',
    })
  })

  test('may stand in what git includes', async () => {
    const vault = new Vault()
    gitSigns(vault, vault.key, 'included')
    writeFileSync(join(vault.home, '.gitconfig'), '[include]\n\tpath = included\n')
    expect(await findSigningKey(vault.context, undefined)).toEqual({ kind: 'file', path: vault.key })
  })

  test('is none without git', async () => {
    const vault = new Vault()
    gitSigns(vault, vault.key)
    await expect(findSigningKey(withVariables(vault, { PATH: '/nowhere' }), undefined)).rejects.toMatchObject(
      { code: 'signing-key-missing' },
    )
  })
})

describe('ssh-keygen', () => {
  const sign = (vault: Vault, input = 'x') =>
    runKeygen(vault.context, ['-q', '-Y', 'sign', '-n', NAMESPACE, '-f', vault.key], Buffer.from(input))

  test('is handed what it reads, and says what it does', async () => {
    const vault = new Vault()
    const { status, stdout, stderr } = await sign(vault)
    expect([status, stderr]).toEqual([0, ''])
    expect(isArmored(stdout)).toBe(true)
    expect((await sign(vault, 'y')).stdout).not.toBe(stdout)
    const failed = await runKeygen(vault.context, ['-Y', 'nothing'], Buffer.alloc(0))
    expect(failed.status).not.toBe(0)
    expect(failed.stderr).not.toBe('')
  })

  test('runs in no directory of ours', async () => {
    const vault = new Vault()
    const relative = ['-q', '-Y', 'sign', '-n', NAMESPACE, '-f', 'vault/approved/p.json']
    expect((await runKeygen(vault.context, relative, Buffer.from('x'))).stderr).toContain('No such file')
  })

  test('is told where it is missing', async () => {
    const vault = new Vault()
    const context = withVariables(vault, { PATH: '/nowhere' })
    await expect(runKeygen(context, [], Buffer.alloc(0))).rejects.toMatchObject({
      code: 'ssh-keygen-missing',
    })
  })

  test('writes signatures in one way, and only that is one', async () => {
    const vault = new Vault()
    await vault.approve()
    const text = readFileSync(join(vault.root, 'vault/approved/p.json.sig'), 'utf8')
    const [begin = '', ...lines] = text.split('\n')
    const inner = lines.slice(0, -2)
    const end = lines.at(-2) ?? ''
    const made = (...parts: string[]) => parts.join('\n')
    expect(isArmored(text)).toBe(true)
    for (const other of [
      ...['', made(begin, end, ''), `${text}\n`, `${text}x`, ` ${text}`, text.slice(0, -1)],
      text.replaceAll('\n', '\r\n'),
      made(begin, inner.join(''), end, ''),
      made(begin, ...inner, '', end, ''),
      made(begin, ...inner.slice(0, -1), `${inner.at(-1)}=`, end, ''),
      made(begin, ...inner.slice(0, -1), `${inner.at(-1)}!`, end, ''),
      made(
        begin,
        `${inner[0]?.slice(0, -1)}`,
        `${inner[0]?.slice(-1)}${inner[1]}`,
        ...inner.slice(2),
        end,
        '',
      ),
    ])
      expect(isArmored(other), other).toBe(false)
  })
})
