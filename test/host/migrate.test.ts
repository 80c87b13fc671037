import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'dotenv'
import { describe, expect, onTestFinished, test } from 'vitest'
import { AGE, SHIM } from '../helpers/parts.ts'
import { Host, MARK } from './host.ts'

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
    expect(shown.match(/^[A-I](?==)/gm)).toEqual(['B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'A'])
    // Over several lines, and for the agents as before.
    expect(shown).toContain(`\nH="-----BEGIN KEY-----\\n${MARK}\\n-----END KEY-----"\n`)
    const service = join(host.home, '.config/sops/age/project/agents/keys.txt')
    expect(host.envBySops(service)).toBe(shown)
    expect(host.exists('secrets')).toBe(false)
  })

  test('--dry-run says what would be done and changes nothing', () => {
    const host = new Host()
    host.write('.env', TEXT)
    const { status, stderr } = host.run(['secrets', 'migrate', '--dry-run'])
    expect(status).toBe(0)
    expect(stderr).toContain('.env -> .env.enc: A, B, C, D, E, F, G, H, I')
    expect(stderr).not.toContain(MARK)
    expect(host.files(host.base)).toEqual(['project/.env'])
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

  test('compares what a command gets, with references filled in, not how it is written', () => {
    const host = new Host()
    host.write('.env', `A=${MARK}\nB=x-\${A}\n`)
    host.well(['secrets', 'migrate'])
    host.write('.env', `B=x-${MARK}\nA=${MARK}\n`)
    host.well(['secrets', 'migrate'])
    expect(host.exists('.env')).toBe(false)
    // The same text, but A is another, and so is B.
    host.write('.env', `A=${MARK}-other\nB=x-\${A}\n`)
    expect(host.fails(['secrets', 'migrate'])).toContain('differs in A, B')
    expect(host.exists('.env')).toBe(true)
  })

  test('leaves a .env whose names .env.enc has not: it is compose’s own', () => {
    const host = new Host()
    host.write('.env', `A=${MARK}\n`)
    host.well(['secrets', 'migrate'])
    host.write('.env', 'PORT=8080\n')
    const { status, stderr } = host.run(['secrets', 'migrate'])
    expect([status, host.read('.env'), host.envBySops()]).toEqual([0, 'PORT=8080\n', `A=${MARK}\n`])
    expect(stderr).toContain('left as compose’s own file')
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
    // Somebody new in .sops.yaml, whom no command has put there.
    expect(host.fails(['secrets', 'rotate-key'])).toContain('recipients accept')
    host.well(['secrets', 'recipients', 'accept'])
    host.well(['secrets', 'rotate-key'])
    expect(host.envBySops()).toBe(`A=${MARK}\nB="two words"\n`)
  })

  test('without a key that could open the result it leaves the plaintext', () => {
    const host = new Host()
    host.write('.sops.yaml', `creation_rules:\n  - age: ${host.stranger().recipient}\n`)
    host.write('.env', `A=${MARK}\n`)
    expect(host.fails(['secrets', 'migrate'])).toContain('would be encrypted only to other people')
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

  test('where no line can hold a value, .env.enc is SOPS JSON, for the same readers', () => {
    const host = new Host()
    const text = `K='{"key": "${MARK}\\n",\n"b": 1}'\nA=\${B}-${MARK}\nB=1\n`
    host.write('.env', text)
    const before = loaded(host, ['K', 'A', 'B'])
    const { status, stderr } = host.run(['secrets', 'migrate'])
    expect([status, stderr.includes(MARK)]).toEqual([0, false])
    expect(stderr).toContain('as SOPS JSON, without the comments, since no line of SOPS dotenv holds K')
    expect(loaded(host, ['K', 'A', 'B'])).toEqual(before)
    const service = join(host.home, '.config/sops/age/project/agents/keys.txt')
    const env = { SOPS_AGE_KEY_FILE: service }
    expect(host.well(['secrets', 'show', 'K', '--raw'], { env })).toBe(before['K'])
    const shown = host.sops('decrypt', '--input-type', 'json', '--output-type', 'json', '.env.enc')
    expect(JSON.parse(shown)).toEqual(before)
    expect(host.exists('secrets')).toBe(false)
  })

  test('what JSON can’t say either is refused by name, and nothing is lost', () => {
    const host = new Host()
    const text = `K='${MARK}\n\\n'\nP=\${HOME}/x\n`
    host.write('.env', text)
    expect(host.fails(['secrets', 'migrate'])).toContain(
      'holds K, and SOPS JSON can’t refer to HOME, as P does',
    )
    expect([host.read('.env'), host.exists('.env.enc')]).toEqual([text, false])
  })

  test('names are written as dotenv reads them, so that stock sops finds each', () => {
    const host = new Host()
    host.write('.env', `\ufeffA=1-${MARK}\r\nexport B=2-${MARK}\r\nC = 3-${MARK}\r\n`)
    const before = loaded(host, ['A', 'B', 'C'])
    host.well(['secrets', 'migrate'])
    expect(loaded(host, ['A', 'B', 'C'])).toEqual(before)
    for (const [name, value] of Object.entries(before))
      expect(host.sops('decrypt', '--input-type', 'dotenv', '--extract', `["${name}"]`, '.env.enc')).toBe(
        value,
      )
  })

  describe('a .env that is encrypted already', () => {
    const VALUES = { TOKEN: MARK, PORT: '8080' }

    /** A host whose .env sops has made of these values, in place. */
    function encrypted(type: string, text: string): { host: Host; bytes: string } {
      const host = new Host()
      host.well(['secrets', 'keygen'])
      host.write('.env', text)
      host.sops(
        'encrypt',
        '-i',
        '--input-type',
        type,
        '--output-type',
        type === 'binary' ? 'json' : type,
        '.env',
      )
      const bytes = host.read('.env')
      expect(loaded(host, ['TOKEN', 'PORT'])).toEqual(VALUES)
      return { host, bytes }
    }

    test.each([
      ['dotenv', `# c\nTOKEN=${MARK}\nPORT=8080\n`],
      ['json', `{"TOKEN": "${MARK}", "PORT": 8080}`],
      ['yaml', `TOKEN: ${MARK}\nPORT: 8080\n`],
      ['ini', `TOKEN=${MARK}\nPORT=8080\n`],
      ['binary', `TOKEN=${MARK}\nPORT=8080\n`],
    ])('by sops as %s becomes .env.enc, to the byte', (type, text) => {
      const { host, bytes } = encrypted(type, text)
      const dry = host.run(['secrets', 'migrate', '--dry-run'])
      expect([dry.status, host.read('.env'), host.exists('.env.enc')]).toEqual([0, bytes, false])
      host.well(['secrets', 'migrate'])
      expect([host.exists('.env'), host.read('.env.enc'), host.exists('secrets')]).toEqual([
        false,
        bytes,
        false,
      ])
      expect(loaded(host, ['TOKEN', 'PORT'])).toEqual(VALUES)
    })

    test('is removed where .env.enc holds the same, and left where it does not', () => {
      const { host, bytes } = encrypted('dotenv', `TOKEN=${MARK}\nPORT=8080\n`)
      host.write('.env.enc', bytes)
      host.well(['secrets', 'migrate'])
      expect(host.exists('.env')).toBe(false)
      host.write('.env', `TOKEN=${MARK}-other\n`)
      host.sops('encrypt', '-i', '.env')
      expect(host.fails(['secrets', 'migrate'])).toContain('differs in')
      expect(host.exists('.env')).toBe(true)
    })

    test('stays as it is where no key opens it, or somebody changed it', () => {
      const { host, bytes } = encrypted('dotenv', `TOKEN=${MARK}\nPORT=8080\n`)
      const other = host.stranger()
      const env = { SOPS_AGE_KEY_FILE: other.keyFile, HOME: `${host.base}/none` }
      expect(host.fails(['secrets', 'migrate'], { env })).toContain('none of the age identities')
      host.write('.env', bytes.replace(/^PORT=.*\n/m, ''))
      expect(host.fails(['secrets', 'migrate'])).toContain('was changed after it was encrypted')
      expect([host.exists('.env'), host.exists('.env.enc')]).toEqual([true, false])
    })

    test('by age becomes SOPS dotenv', () => {
      const host = new Host()
      host.well(['secrets', 'keygen'])
      const input = `# c\nTOKEN=${MARK}\n`
      host.write('.env', spawnSync(AGE, ['-r', host.recipient()], { input }).stdout)
      host.well(['secrets', 'migrate'])
      expect([host.exists('.env'), host.envBySops()]).toEqual([false, input])
    })

    test('by dotenvx is left, and what holds its ciphertext is named', () => {
      const host = new Host()
      const text = `DOTENV_PUBLIC_KEY="02a0"\nTOKEN="encrypted:${MARK}"\nPLAIN=x\n`
      host.write('.env', text)
      const told = host.fails(['secrets', 'migrate'])
      expect(told).toMatch(/dotenvx ciphertext .*: TOKEN$/m)
      expect(told).toContain('dotenvx decrypt')
      expect(host.files(host.base)).toEqual(['project/.env'])
    })
  })

  describe('before the plaintext goes', () => {
    function repository(): { host: Host; git: (...words: string[]) => string } {
      const host = new Host()
      const identity = ['-c', 'user.name=x', '-c', 'user.email=x@x', '-c', 'init.defaultBranch=main']
      const git = (...words: string[]) =>
        spawnSync('git', [...identity, ...words], {
          cwd: host.directory,
          env: host.environment(),
          encoding: 'utf8',
        }).stdout
      git('init', '-q')
      host.write('.env', `TOKEN=${MARK}\n`)
      return { host, git }
    }

    test.each([[false], [true]])('it leaves git’s index (committed before: %s)', (committed) => {
      const { host, git } = repository()
      git('add', '-f', '.env')
      if (committed) git('commit', '-qm', 'x')
      const dry = host.run(['secrets', 'migrate', '--dry-run'])
      expect([dry.status, git('ls-files')]).toEqual([0, '.env\n'])
      expect(dry.stderr).toContain('it will be removed from the index')
      const { status, stderr } = host.run(['secrets', 'migrate'])
      expect(status, stderr).toBe(0)
      expect(stderr).toContain('removed from git’s index')
      git('add', '.env.enc', '.sops.yaml')
      git('commit', '-qm', 'encrypted')
      expect(git('ls-tree', '-r', '--name-only', 'HEAD').split('\n')).not.toContain('.env')
      expect(git('show', 'HEAD')).not.toMatch(new RegExp(`^\\+.*${MARK}`, 'm'))
    })

    test('where git does not let go of it, that is said', () => {
      const { host, git } = repository()
      git('add', '-f', '.env')
      host.write('.git/index.lock', '')
      const { status, stderr } = host.run(['secrets', 'migrate'])
      expect([status, stderr.includes(MARK)]).toEqual([0, false])
      expect(stderr).toContain('the next commit would contain the plaintext')
      expect(stderr).toContain('git rm --cached .env')
    })

    test.each([
      ['docker-compose.yml', 'services:\n  web:\n    image: x\n    env_file: .env\n', {}],
      ['other.yml', 'services: {web: {env_file: [{path: ./.env}]}}', { COMPOSE_FILE: 'other.yml' }],
    ])('it stays where %s names it, and the services are named', (file, text, env) => {
      const host = new Host()
      host.write('.env', `TOKEN=${MARK}\n`)
      host.write(file, text)
      const told = host.fails(['secrets', 'migrate'], { env })
      expect(told).toContain(`env_file: in ${host.path(file)} names it, for web`)
      expect([host.exists('.env'), host.exists('.env.enc')]).toEqual([true, false])
      host.write(file, 'services: {web: {image: x}}')
      host.well(['secrets', 'migrate'], { env })
    })

    test('others who could read it are told of', () => {
      const open = new Host(mkdtempSync('/opt/disinto-open-'))
      onTestFinished(() => rmSync(open.directory, { recursive: true, force: true }))
      chmodSync(open.directory, 0o755)
      for (const [mode, said] of [
        [0o644, true],
        [0o600, false],
      ] as const) {
        chmodSync(open.write('.env', `TOKEN=${MARK}\n`), mode)
        rmSync(open.path('.env.enc'), { force: true })
        const { status, stderr } = open.run(['secrets', 'migrate'])
        expect([status, stderr.includes('lets every user of this machine read it')]).toEqual([0, said])
      }
      const hidden = new Host()
      chmodSync(hidden.base, 0o700)
      chmodSync(hidden.write('.env', `TOKEN=${MARK}\n`), 0o644)
      expect(hidden.run(['secrets', 'migrate']).stderr).not.toContain('every user')
    })
  })

  test('what is odd in the text is said by line, all of it, and nothing of it is shown', () => {
    const host = new Host()
    const text = `PW=p@ss#${MARK}\njunk ${MARK}\nA="x\nB=1\nB=2\n`
    host.write('.env', text)
    const { status, stderr } = host.run(['secrets', 'migrate'])
    expect(status, stderr).toBe(0)
    expect(stderr).not.toContain(MARK)
    expect(stderr).not.toContain('p@ss')
    expect(stderr).toContain('line 1 (PW): the value ends before a #')
    expect(stderr).toContain('line 2: sets nothing')
    expect(stderr).toContain('line 3 (A): a quote is opened and not closed')
    expect(stderr).toContain('line 5 (B): the name is set twice')
  })

  test.each([
    ['a rule for nobody here', 'creation_rules:\n  - path_regex: \\.yaml$\n    age: age1x\n', {}],
    ['no YAML', 'creation_rules: [\n', {}],
    [
      'a rule that takes sops, without sops',
      'creation_rules:\n  - pgp: FBC7B9E2A4F9289AC0C1D4843D16CEE4A27381B4\n',
      { PATH: '/nowhere' },
    ],
  ])('%s: nothing is announced that is not done', (_, rules, env) => {
    const host = new Host()
    host.well(['secrets', 'keygen'])
    host.write('.sops.yaml', rules)
    host.write('.env', `A=${MARK}\n`)
    host.write('secrets/T.enc', spawnSync(AGE, ['-r', host.recipient()], { input: MARK }).stdout)
    expect(host.fails(['secrets', 'migrate'], { env })).not.toContain('->')
    rmSync(host.path('secrets'), { recursive: true })
    expect(host.fails(['secrets', 'migrate'], { env })).not.toContain('->')
    expect(host.files()).toEqual(['.env', '.sops.yaml'])
  })

  describe('an older installation, whose rules are for .env files alone', () => {
    function older(): Host {
      const host = new Host()
      host.well(['secrets', 'keygen'])
      const rules = `# ours\ncreation_rules:\n  - path_regex: \\.env(\\.vault)?\\.enc$\n    age: "${host.recipient()}"\n`
      host.write('.sops.yaml', rules)
      const made = (text: string, name: string) => {
        host.write('plain', text)
        host.write(
          name,
          host.sops(
            'encrypt',
            '--filename-override',
            name,
            '--input-type',
            'dotenv',
            '--output-type',
            'dotenv',
            'plain',
          ),
        )
        rmSync(host.path('plain'))
      }
      made(`FORGE_TOKEN=${MARK}-forge\n`, '.env.enc')
      made(`GITHUB_TOKEN=${MARK}-github\n`, '.env.vault.enc')
      host.write(
        'secrets/CLAWHUB_TOKEN.enc',
        spawnSync(AGE, ['-r', host.recipient()], { input: `${MARK}-claw` }).stdout,
      )
      return host
    }
    const whole = (host: Host) => {
      expect(['CLAWHUB_TOKEN', 'GITHUB_TOKEN'].map((name) => host.bySops(name))).toEqual([
        `${MARK}-claw`,
        `${MARK}-github`,
      ])
      expect(host.exists('.env.vault.enc')).toBe(false)
      expect(host.read('.sops.yaml')).toMatch(/^# ours\n/)
      const other = { cwd: host.directory, env: host.environment(), input: '{}' }
      const words = ['encrypt', '--input-type', 'json', '--output-type', 'json', '--filename-override']
      expect(spawnSync('sops', [...words, 'secrets/NEW.enc'], other).status).toBe(0)
      expect(spawnSync('sops', [...words, 'other/secrets/NEW.enc'], other).status).not.toBe(0)
    }

    test('unattended, is told which rule is lacking before anything is done', () => {
      const host = older()
      const before = host.files().map((name) => host.read(name))
      const told = host.fails(['secrets', 'migrate'])
      expect(told).toContain('no creation rule matches')
      expect(told).toContain('--add-rule')
      expect(told).not.toContain('->')
      expect(host.files().map((name) => host.read(name))).toEqual(before)
      host.well(['secrets', 'migrate', '--add-rule'])
      whole(host)
    })

    test('is asked for it, for the operator alone, and told what was done', async () => {
      const host = older()
      const terminal = host.terminal(['secrets', 'migrate'])
      await terminal.sees('Add a rule for secrets/*.enc, for you alone')
      terminal.types('y\r')
      await terminal.sees('added a rule for secrets/*.enc')
      await terminal.sees('.env.vault.enc -> secrets/GITHUB_TOKEN.enc')
      expect(await terminal.ends(), terminal.shown).toBe(0)
      whole(host)
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
