import { spawn } from 'node:child_process'
import { describe, expect, onTestFinished, test } from 'vitest'
import { SHIM } from '../helpers/parts.ts'
import { Project, seen } from './project.ts'

/** Runs the shim on a pseudo-terminal (script(1) of bsdutils); what is written to stdin is typed. */
function onTerminal(project: Project, command: string) {
  const quoted = `exec ${process.execPath} ${SHIM} -- ${command}`
  const child = spawn('script', ['-qefc', quoted, '/dev/null'], {
    cwd: project.directory,
    env: { ...project.environment(), SHELL: '/bin/sh', TERM: 'dumb' },
  })
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  return child
}

const counting = (signal: string) => `${process.execPath} -e "
  let count = 0
  process.on('${signal}', () => console.log('got', ++count))
  process.stdin.on('data', () => process.exit(40 + count))
  console.log('ready')"`

describe('on a terminal', () => {
  test('the command has it, with its size and settings', async () => {
    const child = onTerminal(
      new Project(),
      `sh -c 'test -t 0 && test -t 1 && test -t 2 && stty -a | head -1 && echo done'`,
    )
    expect(await seen(child.stdout, /done/)).toMatch(/speed .* rows/)
  })

  test.each([
    ['Ctrl-C', 'SIGINT', '\x03'],
    ['Ctrl-\\', 'SIGQUIT', '\x1c'],
  ])('%s reaches the command, once', async (_, signal, key) => {
    const child = onTerminal(new Project(), counting(signal))
    const ended = new Promise((resolve) => child.on('exit', resolve))
    await seen(child.stdout, /ready/)
    child.stdin.write(key)
    await seen(child.stdout, /got 1/)
    child.stdin.write('\n')
    expect(await ended).toBe(41)
  })

  test('Ctrl-C ends a command that does nothing about it', async () => {
    const child = onTerminal(new Project(), `sh -c 'echo ready; exec sleep 1000'`)
    const ended = new Promise((resolve) => child.on('exit', resolve))
    await seen(child.stdout, /ready/)
    child.stdin.write('\x03')
    expect(await ended).toBe(130)
  })

  test('Ctrl-Z stops it and fg continues it', async () => {
    const project = new Project()
    const child = spawn('script', ['-qefc', 'bash --norc --noprofile -i', '/dev/null'], {
      cwd: project.directory,
      env: { ...project.environment(), SHELL: '/bin/sh', TERM: 'dumb', PS1: '[prompt]' },
    })
    onTestFinished(() => {
      child.kill('SIGKILL')
    })
    await seen(child.stdout, /\[prompt\]/)
    child.stdin.write(`${process.execPath} ${SHIM} -- sh -c 'echo rea""dy; read line; echo "line: $line"'\n`)
    await seen(child.stdout, /ready/)
    child.stdin.write('\x1a')
    await seen(child.stdout, /Stopped[\s\S]*\[prompt\]/)
    child.stdin.write('fg\n')
    await seen(child.stdout, /sh -c/)
    child.stdin.write('hello\n')
    await seen(child.stdout, /line: hello/)
    const ended = new Promise((resolve) => child.on('exit', resolve))
    child.stdin.write('exit\n')
    await ended
  })
})
