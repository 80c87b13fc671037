/** A plugin of age (c2sp.org/age-plugin) for sops to run: its recipients and identities hold one shared secret. */
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { encodeBech32 } from '../../src/age/bech32.ts'

/** Wraps a file key by exclusive or with the secret, and marks it, so that another secret does not open it. */
const PLUGIN = `
const { createHash } = require('node:crypto')
const letters = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l'
const secretOf = (text) => {
  const word = text.toLowerCase()
  const values = [...word.slice(word.lastIndexOf('1') + 1, -6)].map((letter) => letters.indexOf(letter))
  const bits = values.map((value) => value.toString(2).padStart(5, '0')).join('')
  return Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)))
}
const mixed = (key, secret) => Buffer.from(key.map((byte, at) => byte ^ secret[at]))
const markOf = (key, secret) => createHash('sha256').update(secret).update(key).digest('hex')
const recipients = process.argv[2] === '--age-plugin=recipient-v1'
const [secrets, keys, stanzas] = [[], [], []]
const say = (words, body = Buffer.alloc(0)) =>
  process.stdout.write('-> ' + words.join(' ') + '\\n' + body.toString('base64').replace(/=+$/, '') + '\\n')
const answer = () => {
  if (recipients)
    for (const [at, key] of keys.entries())
      for (const secret of secrets) say(['recipient-stanza', at, 'twin', markOf(key, secret)], mixed(key, secret))
  else
    for (const { at, mark, body } of stanzas) {
      const secret = secrets.find((one) => markOf(mixed(body, one), one) === mark)
      if (secret !== undefined) say(['file-key', at], mixed(body, secret))
    }
  say(['done'])
}
let said = ''
let answered = false
process.stdin.on('data', (chunk) => {
  said += chunk
  for (let found; (found = /^-> (.*)\\n((?:.{64}\\n)*.{0,63})\\n/.exec(said)) !== null; ) {
    said = said.slice(found[0].length)
    const [type, ...words] = found[1].split(' ')
    const body = Buffer.from(found[2], 'base64')
    if (type === 'add-recipient' || type === 'add-identity') secrets.push(secretOf(words[0]))
    if (type === 'wrap-file-key') keys.push(body)
    if (type === 'recipient-stanza' && words[1] === 'twin') stanzas.push({ at: words[0], mark: words[2], body })
    if (type === 'done' && !answered) {
      answered = true
      answer()
    }
  }
})
`

export interface PluginKey {
  readonly recipient: string
  readonly identity: string
}

/** Puts the plugin into a directory, which has to be on the PATH of sops, and returns a key of it. */
export function plugIn(directory: string, secret: Buffer): PluginKey {
  const program = join(directory, 'age-plugin-twin')
  writeFileSync(program, `#!${process.execPath}\n${PLUGIN}`)
  chmodSync(program, 0o755)
  return {
    recipient: encodeBech32('age1twin', secret),
    identity: encodeBech32('age-plugin-twin-', secret).toUpperCase(),
  }
}
