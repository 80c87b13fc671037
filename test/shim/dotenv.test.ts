import { describe, expect, test } from 'vitest'
import { MARK, Project, parseEnvironment } from './project.ts'

const GOOD = `FORGE_URL=https://forge.example\nFORGE_TOKEN=${MARK}\n`

/** A good SOPS dotenv file with lines slipped in before its metadata, as anyone can without a key. */
function slipped(...lines: string[]): Project {
  const project = new Project()
  project.seal('.env.enc', 'dotenv', GOOD)
  const text = project.read('.env.enc')
  const at = text.indexOf('sops_')
  project.write(
    '.env.enc',
    `${text.slice(0, at)}${lines.map((line) => `${line}\n`).join('')}${text.slice(at)}`,
  )
  return project
}

/** What the command gets beyond what it would have had; undefined where it is not started. */
function given(project: Project): Record<string, string> | undefined {
  const { status, stdout, stderr } = project.run(['--', 'env', '-0'])
  expect(stderr).not.toContain(MARK)
  if (status !== 0) {
    expect(stdout).toBe('')
    expect(stderr).toContain('.env.enc')
    return undefined
  }
  const all = [...parseEnvironment(stdout)].filter(([name]) => name !== 'PATH' && name !== 'HOME')
  return Object.fromEntries(all)
}

describe('a line that somebody without a key has slipped into .env.enc', () => {
  const as = { FORGE_URL: 'https://forge.example', FORGE_TOKEN: MARK }

  test.each([
    ['a comment', '# note'],
    ['a carriage return in a comment', '# x\rFORGE_URL=https://evil.example'],
    ['a line separator in a comment', '# x\u2028FORGE_URL=https://evil.example'],
    ['a next line in a comment', '# x\u0085FORGE_URL=https://evil.example'],
    ['a vertical tab in a comment', '# x\vFORGE_URL=https://evil.example'],
    ['a comment that says it is encrypted', '#ENC[AES256_GCM,data:AA==,iv:AA==,tag:AA==,type:int]'],
    ['a line that sets nothing to dotenv', 'not a name='],
  ])('changes nothing: %s', (_, line) => {
    expect(given(slipped(line))).toEqual(as)
  })

  test.each([
    ['a colon and a comment', 'FORGE_URL: "https://evil.example" #='],
    ['a carriage return in the name', 'X\rFORGE_URL: https://evil.example #='],
    ['an open quote in the name', 'X="='],
    ['a quote that would swallow the next', "X='="],
    ['a second one, empty', 'FORGE_TOKEN='],
    ['a second one under another spelling, empty', 'export FORGE_TOKEN='],
    ['a second one with a blank, empty', ' FORGE_TOKEN ='],
  ])('is refused or changes nothing: %s', (_, line) => {
    expect(given(slipped(line)) ?? as).toEqual(as)
  })

  test('refuses an empty one beside another in JSON, too', () => {
    const project = new Project()
    project.seal('.env.enc', 'json', JSON.stringify({ A: MARK, B: 'x' }))
    project.write('.env.enc', project.read('.env.enc').replace('{', '{"A": "",'))
    expect(project.refused()).toMatch(/\.env\.enc: A is set twice, and one of the two is not authenticated/)
  })
})

test('of a name twice the last counts, with a warning', () => {
  const project = new Project()
  project.seal('.env.enc', 'dotenv', 'A=one\nA=two\n')
  const { stdout, stderr } = project.run(['--', 'printenv', 'A'])
  expect(stdout).toBe('two\n')
  expect(stderr).toMatch(
    /^disinto: warning: .*\.env\.enc: line 2 \(A\): the name is set twice, and the last one is used\n/,
  )
})

describe('references', () => {
  const TEXT = `BASE=/srv\nCONF=\${BASE}/conf\nLIT='\${BASE}'\nHOMEY=\${HOME}/x\nD=\${NONE:-d}\n`
  const load = (project: Project, ...words: string[]) => {
    const all = project.load(words)
    return ['CONF', 'LIT', 'HOMEY', 'D'].map((name) => all.get(name))
  }

  test('are filled in from the same file and HOME, and not with --no-expand', () => {
    const project = new Project()
    project.seal('.env.enc', 'dotenv', TEXT)
    expect(load(project)).toEqual(['/srv/conf', '${BASE}', `${project.home}/x`, 'd'])
    const as = ['${BASE}/conf', '${BASE}', '${HOME}/x', '${NONE:-d}']
    expect(load(project, '--no-expand')).toEqual(as)
    expect(project.load([], { env: { DISINTO_NO_EXPAND: '1' } }).get('CONF')).toBe('${BASE}/conf')
  })

  test('never from the environment or another file, and what stays is told by its line', () => {
    const project = new Project()
    project.seal('.env.enc', 'dotenv', 'A=${OUTER}\nB=${TOKEN}\nC=${BASE}\nBASE=ours\n')
    project.secret('TOKEN', MARK)
    const { stdout, stderr } = project.run(['--', 'sh', '-c', 'echo "$A $B $C"'], {
      env: { OUTER: MARK, BASE: 'theirs' },
    })
    expect(stdout).toBe('${OUTER} ${TOKEN} ours\n')
    expect(stderr).toMatch(
      /^disinto: warning: .*\.env\.enc: lines 1 \(A\), 2 \(B\): refers to a name that nothing/,
    )
  })

  test('see the names that --only leaves out', () => {
    const project = new Project()
    project.seal('.env.enc', 'dotenv', TEXT)
    expect(project.load(['--only', 'CONF']).get('CONF')).toBe('/srv/conf')
  })

  test('are text in JSON', () => {
    const project = new Project()
    project.seal('.env.enc', 'json', '{"BASE": "/srv", "CONF": "${BASE}/conf"}')
    expect(project.load().get('CONF')).toBe('${BASE}/conf')
  })
})

describe('what a value loses is told by line and name', () => {
  test('in plaintext and encrypted', () => {
    const text = `A=1\nPW=p@ss#${MARK}\nnothing\n`
    const plain = new Project()
    plain.write('.env', text)
    const encrypted = new Project()
    encrypted.seal('.env.enc', 'dotenv', text.replace('nothing\n', ''))
    const said = [plain, encrypted].map((project) => {
      const { status, stdout, stderr } = project.run(['--', 'printenv', 'PW'])
      expect({ status, stdout }).toEqual({ status: 0, stdout: 'p@ss\n' })
      expect(stderr).not.toContain(MARK)
      return stderr
    })
    expect(said[0]).toMatch(/\.env: line 2 \(PW\): the value ends before a # that has no blank before it/)
    expect(said[0]).toMatch(/\.env: line 3: sets nothing/)
    expect(said[1]).toMatch(/\.env\.enc: line 2 \(PW\): the value ends before a #/)
  })

  test('a private key without quotes is refused, and no piece of it is a name', () => {
    const project = new Project()
    project.write(
      '.env',
      `KEY=-----BEGIN PRIVATE KEY-----\nabc/${MARK}\nQUJDREVG==\n-----END PRIVATE KEY-----\n`,
    )
    expect(project.refused()).not.toContain('QUJD')
  })

  test('what is no name is told by its line alone', () => {
    const project = new Project()
    project.write('.env', 'A=1\nQUJD.REVG=x\n')
    const said = project.refused()
    expect(said).toMatch(/\.env: line 2: the text before the = is not a variable name/)
    expect(said).not.toContain('QUJD')
  })
})

describe('what git or an editor did to the file is named', () => {
  test.each([
    [
      'conflict markers',
      (text: string) => `<<<<<<< HEAD\n${text}=======\n${text}>>>>>>> x\n`,
      /git conflict markers/,
    ],
    ['carriage returns', (text: string) => text.replaceAll('\n', '\r\n'), /carriage returns/],
    ['UTF-16', (text: string) => Buffer.from(`\ufeff${text}`, 'utf16le'), /is UTF-16/],
  ])('%s', (_, change, says) => {
    const project = new Project()
    project.seal('.env.enc', 'dotenv', GOOD)
    project.write('.env.enc', change(project.read('.env.enc')))
    expect(project.refused()).toMatch(says)
  })
})

test('a variable called sops_version makes no SOPS file', () => {
  const project = new Project()
  project.write('.env', 'sops_version=3.13.3\nPLAIN=yes\n')
  const { stdout } = project.run(['--', 'sh', '-c', 'echo "$sops_version $PLAIN"'])
  expect(stdout).toBe('3.13.3 yes\n')
})
