import { describe, expect, test } from 'vitest'
import { MARK, Project, seen } from './project.ts'

const NOTE = /^disinto: redacting stdout and stderr; not caught: .*\n/

function withSecret(): Project {
  const project = new Project()
  project.secret('TOKEN', MARK)
  return project
}

describe('--redact', () => {
  test('replaces values in standard output and error, raw and encoded, and says what it can’t catch', () => {
    const script = 'echo "<$TOKEN>"; printf %s "$TOKEN" | base64; echo "error: $TOKEN" >&2; exit 3'
    const result = withSecret().run(['--redact', '--', 'sh', '-c', script])
    expect(result.stdout).toMatch(/^<\[TOKEN\]>\n\[TOKEN\].{0,3}\n$/)
    expect(result.stderr).toMatch(NOTE)
    expect(result.stderr.replace(NOTE, '')).toBe('error: [TOKEN]\n')
    expect(result.status).toBe(3)
  })

  test('a value written in pieces, a byte at a time', () => {
    const script = 'for c in $(printf %s "$TOKEN" | fold -w1); do printf %s "$c"; sleep 0.01; done; echo'
    expect(withSecret().run(['--redact', '--', 'sh', '-c', script]).stdout).toBe('[TOKEN]\n')
  })

  test('binary output passes byte for byte', () => {
    const script =
      'for i in $(seq 0 255); do printf "\\\\$(printf %03o $i)"; done | od -An -tx1 | tr -d " \\n"'
    const bare = withSecret().run(['--', 'bash', '-c', script]).stdout
    expect(withSecret().run(['--redact', '--', 'bash', '-c', script]).stdout).toBe(bare)
    const zeros = withSecret().run(['--redact', '--', 'head', '-c', '5000000', '/dev/zero'])
    expect(zeros.stdout.length).toBe(5_000_000)
  })

  test('a prompt is not held back', async () => {
    const command = withSecret().start([
      '--redact',
      '--',
      'sh',
      '-c',
      'printf "name? "; read x; echo "hello $x"',
    ])
    await seen(command.stdout, /name\? $/)
    command.stdin.write('me\n')
    await seen(command.stdout, /hello me/)
  })

  test('standard input, /dev/stdout and /dev/stderr work', () => {
    const script = 'cat > /dev/stdout; echo "$TOKEN" > /dev/stderr'
    const result = withSecret().run(['--redact', '--', 'sh', '-c', script], { input: 'in' })
    expect([result.stdout, result.stderr.replace(NOTE, '')]).toEqual(['in', '[TOKEN]\n'])
  })

  test('signals reach the command, and death by one is passed on', async () => {
    const command = withSecret().start(['--redact', '--', 'sh', '-c', 'echo ready; exec sleep 1000'])
    await seen(command.stdout, /ready/)
    const ended = new Promise((resolve) => command.on('exit', (status, signal) => resolve([status, signal])))
    command.kill('SIGTERM')
    expect(await ended).toEqual([null, 'SIGTERM'])
  })

  test('a command ends by SIGPIPE when its reader goes away', () => {
    const project = withSecret()
    const result = project.run(['--redact', '--', 'yes'], {
      through: ['bash', '-c', '"$@" | head -1; echo "$PIPESTATUS"', 'bash'],
    })
    expect(result.stdout).toBe('y\n141\n')
  })

  test('a process left behind does not hold up the end', () => {
    const result = withSecret().run(['--redact', '--', 'sh', '-c', 'sleep 5 2>/dev/null & echo bye'])
    expect([result.status, result.stdout]).toEqual([0, 'bye\n'])
  })

  test('the value that the environment had is replaced, too', () => {
    const result = withSecret().run(['--redact', '--', 'sh', '-c', 'echo $TOKEN'], {
      env: { TOKEN: 'inherited-value' },
    })
    expect(result.stdout).toBe('[TOKEN]\n')
  })

  test('--check says that the shim stays', () => {
    expect(withSecret().run(['--redact', '--check']).stdout).toMatch(/^hand-over: child /m)
  })
})

test.runIf(process.getuid?.() === 0)(
  'as process 1 the shim says that it waits for nobody’s children (needs root)',
  () => {
    const project = new Project()
    const through = ['unshare', '--pid', '--fork', '--mount-proc']
    expect(project.run(['--redact', '--', 'true'], { through }).stderr).toMatch(
      /^disinto: warning: the shim stays process 1/m,
    )
    expect(project.run(['--redact', '--', 'true']).stderr).not.toMatch(/process 1/)
  },
)
