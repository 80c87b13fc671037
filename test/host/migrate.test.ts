import { spawnSync } from 'node:child_process'
import { symlinkSync } from 'node:fs'
import { parse } from 'dotenv'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { splitDotenv } from '../../src/host/migrate/dotenv-split.ts'
import { AGE, Host, MARK, SHIM } from './host.ts'

/** What the shim gives a command, for the names of a dotenv text. */
function loaded(host: Host, names: readonly string[]): Record<string, string> {
  const { status, stdout, stderr } = spawnSync(process.execPath, [SHIM, '--', 'env', '-0'], {
    cwd: host.directory,
    env: host.environment(),
    encoding: 'utf8',
  })
  expect(status, stderr).toBe(0)
  const all = stdout
    .split('\0')
    .map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)] as const)
  return Object.fromEntries(all.filter(([name]) => names.includes(name)))
}

const TEXT = `# first
A=${MARK}

export B="two words" # trailing
  # indented
C: colon-${MARK}
some stray line
D='lit\\neral'
E="esc\\naped"
F=
G=\`all "three" 'quotes'\`
H="-----BEGIN KEY-----
${MARK}
-----END KEY-----"
I=last#not-a-comment
A=again-${MARK}
`

describe('migrate', () => {
  test('gives the command exactly what .env gave it, keeps comments and order, and removes the plaintext', () => {
    const host = new Host()
    host.write('.env', TEXT)
    const names = Object.keys(parse(TEXT))
    const before = loaded(host, names)
    host.well(['secrets', 'migrate'])
    expect(host.exists('.env')).toBe(false)
    expect(loaded(host, names)).toEqual(before)
    expect(host.holding(MARK)).toEqual([])
    const shown = host.envBySops()
    expect(shown.split('\n')[0]).toBe('# first')
    expect(shown.match(/^(?:export )?[A-I](?==)/gm)).toEqual([
      'A',
      'export B',
      'C',
      'D',
      'E',
      'F',
      'G',
      'I',
      'A',
    ])
    expect(host.bySops('H')).toBe(`-----BEGIN KEY-----\n${MARK}\n-----END KEY-----`)
  })

  test('--dry-run says what would be done and changes nothing', () => {
    const host = new Host()
    host.write('.env', TEXT)
    const { status, stderr } = host.run(['secrets', 'migrate', '--dry-run'])
    expect(status).toBe(0)
    expect(stderr).toContain('.env -> .env.enc: A, B, C, D, E, F, G, I')
    expect(stderr).toContain('secrets/NAME.enc')
    expect(stderr).not.toContain(MARK)
    expect(host.files(host.base)).toEqual(['project/.env'])
  })

  test('means the same for random texts, whatever stands in them', async () => {
    const line = fc.oneof(
      fc.constantFrom(
        '',
        '# c',
        '  # c',
        'junk',
        'A=1',
        "B='x\ny'",
        'C="p\nq"',
        'export D=4',
        'E: 5',
        'F=a#b',
        ' G = 7 ',
        "H='\\n'",
        'I="\\n"',
        'J=`\n`',
        'K=\r',
        'L="unclosed',
        "M='",
        '=x',
        '\uFEFFN=1',
        'O=1\u2028P=2',
        'Q=\u20281',
        ' R=1 # c',
        'export\tS=1',
        'T =\n"x\ny"',
        'U_unencrypted=1',
        'V=\\\\n',
        'sops_x=1',
      ),
      fc.string({ maxLength: 12 }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 8 }), async (lines) => {
        const whole = lines.join('\n')
        const { text, apart } = await splitDotenv(whole)
        const meant = Object.entries(parse(whole)).filter(([name]) => !apart.includes(name))
        expect(Object.entries(parse(text)).filter(([name]) => !apart.includes(name))).toEqual(meant)
      }),
      { numRuns: 2000 },
    )
  })

  test('refuses when .env.enc differs, and names what differs; when it is the same the plaintext goes', () => {
    const host = new Host()
    host.write('.env', `A=1\nB=${MARK}\n`)
    host.well(['secrets', 'migrate'])
    const encrypted = host.read('.env.enc')
    host.write('.env', `A=1\nB=${MARK}-other\nNEW=${MARK}\n`)
    const told = host.fails(['secrets', 'migrate'])
    expect(told).toContain('differs in B, NEW')
    expect([host.read('.env.enc'), host.exists('.env')]).toEqual([encrypted, true])
    host.write('.env', `B=${MARK}\nA=1\n`)
    host.well(['secrets', 'migrate'])
    expect([host.read('.env.enc'), host.exists('.env')]).toEqual([encrypted, false])
  })

  test('says when git has the plaintext, and which secrets to change', () => {
    const host = new Host()
    const git = (...words: string[]) =>
      spawnSync('git', ['-c', 'user.name=x', '-c', 'user.email=x@x', ...words], {
        cwd: host.directory,
        env: host.environment(),
      })
    git('init', '-q')
    host.write('.env', `OLD_TOKEN=${MARK}\nEMPTY=\n`)
    git('add', '-f', '.env')
    git('commit', '-qm', 'x')
    host.write('.env', `TOKEN=${MARK}\n`)
    const { status, stderr } = host.run(['secrets', 'migrate'])
    expect(status, stderr).toBe(0)
    expect(stderr).toMatch(/git still has its plaintext, in 1 commit; .*: OLD_TOKEN$/m)
    expect(stderr).toContain('change each of these at its issuer')
    expect(stderr).not.toContain(MARK)
  })

  test('follows a rule that is for .env alone, as sops encrypt .env > .env.enc does', () => {
    const host = new Host()
    host.well(['secrets', 'keygen'])
    host.write('.sops.yaml', `creation_rules:\n  - path_regex: \\.env$\n    age: ${host.recipient()}\n`)
    host.write('.env', `A=${MARK}\n`)
    host.well(['secrets', 'migrate'])
    expect(host.envBySops()).toBe(`A=${MARK}\n`)
  })

  test('reads .env.enc after stock sops has set, rotated and given it to another key', () => {
    const host = new Host()
    host.write('.env', `A=old\nB="two words"\n`)
    host.well(['secrets', 'migrate'])
    const type = ['--input-type', 'dotenv', '--output-type', 'dotenv']
    host.sops('set', ...type, '.env.enc', '["A"]', JSON.stringify(MARK))
    host.sops('rotate', '-i', ...type, '.env.enc')
    host.write('.sops.yaml', `creation_rules:\n  - age: ${host.recipient()},${host.stranger().recipient}\n`)
    host.sops('updatekeys', '--yes', '--input-type', 'dotenv', '.env.enc')
    expect(loaded(host, ['A', 'B'])).toEqual({ A: MARK, B: 'two words' })
    expect(host.well(['secrets', 'show', 'A'])).toBe(`${MARK}\n`)
    host.well(['secrets', 'rotate-key'])
    expect(host.envBySops()).toBe(`A=${MARK}\nB="two words"\n`)
  })

  test('without a key that could open the result it leaves the plaintext', () => {
    const host = new Host()
    host.write('.sops.yaml', `creation_rules:\n  - age: ${host.stranger().recipient}\n`)
    host.write('.env', `A=${MARK}\n`)
    expect(host.fails(['secrets', 'migrate'])).toContain('would be encrypted to others alone')
    expect(host.files()).toEqual(['.env', '.sops.yaml'])
  })

  test('leaves a link alone, and what is not UTF-8, and refused names', () => {
    const host = new Host()
    host.write('real', `A=${MARK}\n`)
    symlinkSync('real', host.path('.env'))
    expect(host.fails(['secrets', 'migrate'])).toContain('is a link')
    const other = new Host()
    other.write('.env', Buffer.from([0x41, 0x3d, 0xff]))
    expect(other.fails(['secrets', 'migrate'])).toContain('not UTF-8')
    other.write('.env', `LD_PRELOAD=${MARK}\n`)
    expect(other.fails(['secrets', 'migrate'])).toContain('is refused')
    expect(other.files()).toEqual(['.env'])
  })

  test('nothing to migrate is no failure', () => {
    const { status, stderr } = new Host().run(['secrets', 'migrate'])
    expect({ status, stderr }).toMatchObject({
      status: 0,
      stderr: expect.stringContaining('nothing to migrate'),
    })
  })

  test('age files become SOPS files of the same name, and .env.vault.enc one for each name', () => {
    const host = new Host()
    host.well(['secrets', 'keygen'])
    const age = (text: string, ...flags: string[]) =>
      spawnSync(AGE, ['-r', host.recipient(), ...flags], { input: text }).stdout
    host.write('secrets/BINARY.enc', age(`${MARK}-binary\n`))
    host.write('secrets/ARMORED.enc', age(`${MARK}-armored`, '--armor'))
    host.write('.env.vault.enc', age(`CLAWHUB=${MARK}\nDEPLOY="a\nb"\n`))
    host.well(['secrets', 'migrate', '--dry-run'])
    expect(host.exists('.env.vault.enc')).toBe(true)
    host.well(['secrets', 'migrate'])
    expect(host.exists('.env.vault.enc')).toBe(false)
    expect(['BINARY', 'ARMORED', 'CLAWHUB', 'DEPLOY'].map((name) => host.bySops(name))).toEqual([
      `${MARK}-binary`,
      `${MARK}-armored`,
      MARK,
      'a\nb',
    ])
    expect(host.run(['secrets', 'migrate']).stderr).toContain('nothing to migrate')
  })

  test('a name of .env.vault.enc that has another value in secrets/ stops it', () => {
    const host = new Host()
    host.add('CLAWHUB', 'mine')
    const input = `CLAWHUB=${MARK}\nOTHER=1\n`
    host.write('.env.vault.enc', spawnSync(AGE, ['-r', host.recipient()], { input }).stdout)
    expect(host.fails(['secrets', 'migrate'])).toContain('differs in CLAWHUB')
    expect([host.exists('.env.vault.enc'), host.exists('secrets/OTHER.enc')]).toEqual([true, false])
  })
})
