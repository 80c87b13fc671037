import { describe, expect, test } from 'vitest'
import { isStarted } from '../../../src/handover/started.ts'

const BUNDLE = '/opt/disinto/entrypoint.js'
const SHIM = { pid: 1, parent: 0, words: ['node', '--', BUNDLE, 'my-agent', '--fast', ''] }
const PROBE = { pid: 40, parent: 0, words: ['node', '--', BUNDLE, '--started', ''] }

describe('the command has been started', () => {
  test('once no process is a shim any more', async () => {
    const command = { pid: 1, parent: 0, words: ['my-agent', '--fast', ''] }
    expect(await isStarted([command, PROBE], BUNDLE, 40)).toBe(true)
  })

  test('once a shim that stays has the command as its child', async () => {
    const command = { pid: 12, parent: 1, words: ['my-agent', '--fast', ''] }
    expect(await isStarted([SHIM, command, PROBE], BUNDLE, 40)).toBe(true)
  })

  test('whatever another probe beside it is doing', async () => {
    const other = { ...PROBE, pid: 41 }
    expect(await isStarted([PROBE, other], BUNDLE, 40)).toBe(true)
  })
})

describe('the command has not been started', () => {
  test('while the shim is at work', async () => {
    expect(await isStarted([SHIM, PROBE], BUNDLE, 40)).toBe(false)
  })

  test('while the shim has only sops as its child', async () => {
    const sops = { pid: 12, parent: 1, words: ['/usr/local/bin/sops', 'decrypt', ''] }
    expect(await isStarted([SHIM, sops, PROBE], BUNDLE, 40)).toBe(false)
  })

  test('while a child of the shim has not become anything yet', async () => {
    const forked = { pid: 12, parent: 1, words: [''] }
    expect(await isStarted([SHIM, forked, PROBE], BUNDLE, 40)).toBe(false)
  })

  test('while a shim whose command is called with --started is at work', async () => {
    for (const words of [
      ['my-agent', '--started'],
      ['--', 'my-agent', '--started'],
      ['--root', '/x', 'a', '--started'],
    ]) {
      const shim = { ...SHIM, words: ['node', '--', BUNDLE, ...words, ''] }
      expect(await isStarted([shim, PROBE], BUNDLE, 40), words.join(' ')).toBe(false)
    }
  })
})
