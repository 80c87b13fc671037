import { expect, test } from 'vitest'
import { freshValue, Place, shell, useImage } from './image.ts'

useImage()

test('with -i the command reads standard input to its last byte', async () => {
  const place = await (await Place.make()).secret('TOKEN', 'value')
  const input = `${freshValue('input')}\n`.repeat(20_000)
  const { stdout } = await place.run(shell('cat; echo "$TOKEN"'), ['--interactive'], input)
  expect(stdout === `${input}value`).toBe(true)
})

test('without -i standard input is at its end', async () => {
  const { stdout } = await (await Place.make()).run(shell('cat; echo end'))
  expect(stdout).toBe('end')
})

test('standard output and standard error stay apart', async () => {
  const place = await (await Place.make()).secret('TOKEN', 'value')
  const { stdout, stderr } = await place.run(shell('echo out; echo err >&2'))
  expect(stdout).toBe('out')
  expect(stderr).toMatch(/^disinto: 1 secret: TOKEN\nerr$/)
})

test('with -t the command has the terminal, as its controlling one', async () => {
  const place = await (await Place.make()).secret('TOKEN', 'value')
  const script =
    'test -t 0 && test -t 1 && test -t 2 && tty && echo "$TOKEN" >/dev/tty && stty size >/dev/null'
  const { stdout, exitCode } = await place.runOnTerminal(shell(script), ['--interactive', '--tty'])
  expect(stdout).toMatch(/\/dev\/pts\/\d+\r?\nvalue\r?$/)
  expect(exitCode).toBe(0)
})

test('with --init the command is a child of init, and its orphans are reaped', async () => {
  const place = await (await Place.make()).secret('TOKEN', 'value')
  const script = 'cat /proc/1/comm; echo "$PPID $TOKEN"; exit 9'
  const { stdout, exitCode } = await place.run(shell(script), ['--init'])
  expect({ stdout, exitCode }).toEqual({ stdout: 'docker-init\n1 value', exitCode: 9 })
})
