import { describe, expect, test } from 'vitest'
import {
  recipientGiven,
  recipientKnown,
  shownRecipient,
  shownRecipients,
} from '../../../../src/host/access/recipients.ts'

const NATIVE = 'age16wufy8djxz3ug7qkd2aexn4q7lawynwxltcpw0ryhdkw9ku5kutsfu4vt3'
const PLUGIN = 'age1yubikey1q2w7u3vpya839jxxuq8g0sedh3d740d4xvn639sqhr95ejj8vu3hyfumptt'
const SSH = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMa4LUTxnToRMG45/qeQ/kPkRGCSoWgPJ5piH+p9+pn'
const bad = expect.objectContaining({ code: 'recipient-bad' })

describe('a recipient that is typed', () => {
  test.each([NATIVE, PLUGIN, SSH, `${SSH} me@host (work)`, 'ssh-rsa AAAA'])('can be %s', (word) => {
    expect(recipientGiven(word)).toBe(word)
  })

  test.each([
    `AGE-SECRET-KEY-1${'Q'.repeat(58)}`,
    NATIVE.toUpperCase(),
    ` ${NATIVE}`,
    `${NATIVE},${NATIVE}`,
    `${NATIVE}\n`,
    'age1',
    'ssh-dss AAAA',
    'ssh-ed25519',
    `${SSH} \u001b[2J`,
    '',
  ])('can’t be %j, which is not repeated', (word) => {
    expect(() => recipientGiven(word)).toThrow(bad)
    expect(() => recipientGiven(word)).not.toThrow(word === '' ? 'nothing' : word)
  })
})

describe('a recipient to take out', () => {
  const known = [NATIVE, 'pgp:85D77543', 'kms:arn:aws:kms:eu:1:key/2']

  test('can be one that could be given, whether a file has it or not', () => {
    expect(recipientKnown(PLUGIN, known)).toBe(PLUGIN)
  })

  test.each([
    ['pgp:85D77543', 'pgp:85D77543'],
    ['85D77543', 'pgp:85D77543'],
    ['arn:aws:kms:eu:1:key/2', 'kms:arn:aws:kms:eu:1:key/2'],
  ])('can be %s as it is listed, with its kind or without', (word, found) => {
    expect(recipientKnown(word, known)).toBe(found)
  })

  test.each(['85D7754', 'key/2', 'pgp:', ''])('can’t be %j, which is in no list', (word) => {
    expect(() => recipientKnown(word, known)).toThrow(bad)
  })
})

test('recipients are shown as they are, and what could move the cursor in quotes', () => {
  expect(shownRecipients([NATIVE, `${SSH} me@host`, 'pgp:AB'])).toBe(`${NATIVE}, ${SSH} me@host, pgp:AB`)
  expect(shownRecipient('a\u001b[2J')).toBe('"a\\u001b[2J"')
  expect(shownRecipient('')).toBe('""')
})
