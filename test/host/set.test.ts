import { spawnSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { AGE, SHIM } from '../helpers/parts.ts'
import { Host, MARK } from './host.ts'

/** A host with a .env.enc of this text. */
function withEnv(text: string): Host {
  const host = new Host()
  host.write('.env', text)
  host.well(['secrets', 'migrate'])
  return host
}

/** What the shim gives a command for a name. */
function loaded(host: Host, name: string): string {
  const { stdout, stderr } = spawnSync(process.execPath, [SHIM, '--', 'printenv', '-0', name], {
    cwd: host.directory,
    env: host.environment(),
    encoding: 'utf8',
  })
  expect(stderr).not.toContain('error')
  return stdout.replace(/\0$/, '')
}

const TEXT = `# first\nA=${MARK}-a\nURL=https://\${A}@x # c\n# last\n`
const agents = (host: Host) => `${host.home}/.config/sops/age/project/agents/keys.txt`

describe('set', () => {
  test.each([
    ['a token', MARK],
    ['with a #', `${MARK}#x`],
    ['with quotes and blanks', ` "${MARK}" `],
    ['of several lines', `-----BEGIN\n${MARK}\n-----END`],
    ['that looks like a reference', `\${A}${MARK}`],
  ])('gives a value %s to the command exactly, for the readers of the file', (_, value) => {
    const host = withEnv(TEXT)
    host.well(['secrets', 'set', 'B', '--raw'], { input: value })
    expect(loaded(host, 'B')).toBe(value)
    expect(host.envBySops()).toMatch(new RegExp(`^${TEXT.replaceAll(/[$.*]/g, '\\$&')}B=.*\n$`))
    expect(host.envBySops(agents(host))).toBe(host.envBySops())
    expect(host.well(['secrets', 'show', 'B', '--raw'])).toBe(value)
    expect(host.holding(MARK)).toEqual([])
  })

  test('changes a value where it stands, and says what refers to it', () => {
    const host = withEnv(TEXT)
    expect(host.fails(['secrets', 'set', 'A'], { input: 'x' })).toContain('--force')
    const { status, stderr } = host.run(['secrets', 'set', 'A', '--force'], { input: `${MARK}-b\n` })
    expect([status, stderr.includes(MARK)]).toEqual([0, false])
    expect(stderr).toContain('A replaced')
    expect(stderr).toContain('as they refer to it: URL')
    expect(host.envBySops()).toBe(TEXT.replace('-a', '-b'))
    expect(loaded(host, 'URL')).toBe(`https://${MARK}-b@x`)
  })

  test('asks before it replaces, and takes the value at the prompt', async () => {
    const host = withEnv(TEXT)
    const terminal = host.terminal(['secrets', 'set', 'A'])
    await terminal.sees('A is in .env.enc: replace its value?')
    terminal.types('y\r')
    await terminal.sees('Value of A (hidden')
    terminal.types(`${MARK}-c\r`)
    expect(await terminal.ends(), terminal.shown).toBe(0)
    expect(host.envBySops()).toBe(TEXT.replace('-a', '-c'))
  })

  test('begins a .env.enc where there is none, and never beside a .env that is in use', () => {
    const host = new Host()
    host.write('.env', 'A=1\n')
    expect(host.fails(['secrets', 'set', 'B'], { input: MARK })).toContain(
      'run disinto secrets migrate first',
    )
    expect(host.exists('.env.enc')).toBe(false)
    const other = new Host()
    other.well(['secrets', 'set', 'B'], { input: MARK })
    expect([other.envBySops(), other.envBySops(agents(other))]).toEqual([`B=${MARK}\n`, `B=${MARK}\n`])
  })

  test('keeps a file of SOPS JSON one', () => {
    const host = withEnv('A=1\n')
    host.write('plain', JSON.stringify({ A: 'x', K: 'a\n\\n' }))
    const words = [
      '--filename-override',
      '.env.enc',
      '--input-type',
      'json',
      '--output-type',
      'json',
      'plain',
    ]
    host.write('.env.enc', host.sops('encrypt', ...words))
    host.well(['secrets', 'set', 'K', '--force', '--raw'], { input: `b\n\\n${MARK}` })
    host.well(['secrets', 'set', 'B'], { input: MARK })
    host.well(['secrets', 'rm', 'A', '--force'])
    const shown = host.sops('decrypt', '--input-type', 'json', '--output-type', 'json', '.env.enc')
    expect(JSON.parse(shown)).toEqual({ K: `b\n\\n${MARK}`, B: MARK })
  })

  test.each([
    ['a value that no line holds', 'B', `a\n\\n${MARK}`, 'add NAME'],
    ['a name that SOPS keeps', 'sops_mac', MARK, 'SOPS reserves this name'],
    ['a refused name', 'LD_PRELOAD', MARK, 'is refused'],
    ['a value that no environment holds', 'B', `${MARK}\0`, 'NUL byte'],
    ['an empty value', 'B', '', 'is empty'],
  ])('refuses %s, and changes nothing', (_, name, input, told) => {
    const host = withEnv(TEXT)
    const before = host.read('.env.enc')
    expect(host.fails(['secrets', 'set', name, '--raw'], { input })).toContain(told)
    expect(host.read('.env.enc')).toBe(before)
  })

  test('of YAML is left to sops, by a command that works', () => {
    const host = withEnv('A=1\n')
    host.write('plain', 'A: x\n')
    const words = [
      '--filename-override',
      '.env.enc',
      '--input-type',
      'yaml',
      '--output-type',
      'yaml',
      'plain',
    ]
    host.write('.env.enc', host.sops('encrypt', ...words))
    const told = host.fails(['secrets', 'set', 'A', '--force'], { input: MARK })
    const command = /use sops: (sops edit .*)$/m.exec(told)?.[1] ?? ''
    const env = { ...host.environment(), EDITOR: 'sed -i s/x/y/' }
    expect(spawnSync('sh', ['-c', command], { cwd: host.directory, env }).status).toBe(0)
    expect(loaded(host, 'A')).toBe('y')
  })

  test('what runs and a secret file of that name are told of', () => {
    const host = withEnv(TEXT)
    host.add('A', 'x')
    host.write('docker-compose.yml', 'services: {}\n')
    const { stderr } = host.run(['secrets', 'set', 'A', '--force'], { input: MARK })
    expect(stderr).toContain('secrets/A.enc holds A, too')
    expect(stderr).toContain('disinto restart')
  })
})

describe('import', () => {
  test('sets what another file sets; references in it stay, and go nowhere else', () => {
    const host = withEnv(TEXT)
    host.write(
      'other',
      `\ufeffexport NEW=${MARK}-new\r\nFROM=\${NEW}/\${A}\r\nK='l1\r\nl2'\r\nHOMEY=\${HOME}/x\r\n`,
    )
    const { status, stderr } = host.run(['secrets', 'import', 'other'])
    expect([status, stderr.includes(MARK)]).toEqual([0, false])
    expect(stderr).toContain('set NEW, FROM, K, HOMEY')
    expect(stderr).toContain('still there in plaintext')
    expect(loaded(host, 'FROM')).toBe(`\${NEW}/\${A}`.replace('${NEW}', `${MARK}-new`))
    expect([loaded(host, 'K'), loaded(host, 'HOMEY')]).toEqual(['l1\nl2', `${host.home}/x`])
    expect(host.envBySops()).toContain('\nHOMEY=${HOME}/x\n')
    expect(host.envBySops().startsWith(TEXT)).toBe(true)
  })

  test('asks before it replaces, by name', () => {
    const host = withEnv(TEXT)
    host.write('other', `A=${MARK}-x\nB=1\n`)
    expect(host.fails(['secrets', 'import', 'other'])).toContain('has A already')
    expect(host.envBySops()).toBe(TEXT)
    host.well(['secrets', 'import', 'other', '--force'])
    expect(host.envBySops()).toBe(`${TEXT.replace('-a', '-x')}B=1\n`)
  })

  test('takes a file that sops has encrypted', () => {
    const host = withEnv(TEXT)
    host.write('plain', `N: 8080\nT: ${MARK}#\n`)
    host.write(
      'other.yaml',
      host.sops(
        'encrypt',
        '--filename-override',
        '.env.enc',
        '--input-type',
        'yaml',
        '--output-type',
        'yaml',
        'plain',
      ),
    )
    host.well(['secrets', 'import', 'other.yaml'])
    expect(host.envBySops()).toBe(`${TEXT}N=8080\nT='${MARK}#'\n`)
  })

  test.each(['sops', 'age'])('names and asks about who could not open an encrypted file (%s)', (kind) => {
    const host = withEnv(TEXT)
    host.write('plain', `N=${MARK}\n`)
    const me = host.recipient()
    const words = [
      '--config',
      '/dev/null',
      'encrypt',
      '--age',
      me,
      '--input-type',
      'dotenv',
      '--output-type',
      'dotenv',
      'plain',
    ]
    const byAge = () => spawnSync(AGE, ['-r', me, host.path('plain')]).stdout
    host.write('other.enc', kind === 'sops' ? host.sops(...words) : byAge())
    const before = host.envBySops()
    const told = host.fails(['secrets', 'import', 'other.enc'])
    expect(told).toContain("other.enc can't be opened by service agents: let them have N in .env.enc?")
    expect(host.envBySops()).toBe(before)
    host.well(['secrets', 'import', 'other.enc', '--force'])
    expect(host.envBySops()).toBe(`${before}N=${MARK}\n`)
  })

  test.each([
    ['what is not there', undefined, 'does not exist'],
    ['what sets nothing', '# c\n', 'sets nothing'],
    ['a refused name', 'PATH=/x\n', 'is refused'],
    ['a value that no line holds', "K='a\n\\n'\n", 'secrets add NAME'],
  ])('refuses %s', (_, text, told) => {
    const host = withEnv(TEXT)
    if (text !== undefined) host.write('other', text)
    expect(host.fails(['secrets', 'import', 'other'])).toContain(told)
    expect(host.envBySops()).toBe(TEXT)
  })
})

describe('rm of a name in .env.enc', () => {
  test('takes out its line and no other, and says what referred to it', () => {
    const host = withEnv(TEXT)
    expect(host.fails(['secrets', 'rm', 'A'])).toContain('--force')
    const { status, stderr } = host.run(['secrets', 'rm', 'A', '--force'])
    expect(status, stderr).toBe(0)
    expect(stderr).toContain('A removed')
    expect(stderr).toContain('still refer to it: URL')
    expect(host.envBySops()).toBe('# first\nURL=https://${A}@x # c\n# last\n')
    host.well(['secrets', 'rm', 'URL', '--force'])
    expect(host.envBySops()).toBe('# first\n# last\n')
  })

  test('a file of its own goes first, and that the other is left is said', () => {
    const host = withEnv(TEXT)
    host.add('A', 'x')
    const { stderr } = host.run(['secrets', 'rm', 'A', '--force'])
    expect(stderr).toContain('.env.enc has A, too')
    expect([host.exists('secrets/A.enc'), host.envBySops()]).toEqual([false, TEXT])
  })
})

test('add of a name that .env.enc has says who gets which, and what it says is so', () => {
  const host = withEnv(TEXT)
  const { stderr } = host.run(['secrets', 'add', 'A'], { input: `${MARK}-own` })
  expect(stderr).toContain('the agents keep that value (disinto secrets set A changes it)')
  expect(loaded(host, 'A')).toBe(`${MARK}-own`)
  expect(host.envBySops(agents(host))).toBe(TEXT)
})
