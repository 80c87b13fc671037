/**
 * Bech32 as age uses it: BIP 173 without its limit of 90 characters. Its source: c2sp.org/age, "Identity and recipient
 * encoding".
 */

const ALPHABET = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l'
const CHECKSUM_LENGTH = 6

function polymod(values: readonly number[]): number {
  let checksum = 1
  for (const value of values) {
    const top = checksum >>> 25
    checksum = ((checksum & 0x1ffffff) << 5) ^ value
    // The five terms of BIP 173's generator, written out: this runs before anything is warm.
    if (top & 1) checksum ^= 0x3b6a57b2
    if (top & 2) checksum ^= 0x26508e6d
    if (top & 4) checksum ^= 0x1ea119fa
    if (top & 8) checksum ^= 0x3d4233dd
    if (top & 16) checksum ^= 0x2a1462b3
  }
  return checksum >>> 0
}

function expand(prefix: string): number[] {
  const codes = [...prefix].map((letter) => letter.charCodeAt(0))
  return [...codes.map((code) => code >> 5), 0, ...codes.map((code) => code & 31)]
}

/** Groups bits anew; undefined when the bits left over are not zero padding. */
function regroup(values: Iterable<number>, from: number, to: number, pad: boolean): number[] | undefined {
  const out: number[] = []
  let bits = 0
  let held = 0
  for (const value of values) {
    bits = ((bits << from) | value) & 0xfff
    held += from
    while (held >= to) {
      held -= to
      out.push((bits >> held) & ((1 << to) - 1))
    }
  }
  const rest = (bits << (to - held)) & ((1 << to) - 1)
  if (pad) {
    if (held > 0) out.push(rest)
  } else if (held >= from || rest !== 0) return undefined
  return out
}

/** The bytes of a Bech32 string of this prefix, or undefined when it is none. Case must not be mixed. */
export function decodeBech32(text: string, prefix: string): Buffer | undefined {
  const lower = text.toLowerCase()
  if (text !== lower && text !== text.toUpperCase()) return undefined
  const hrp = prefix.toLowerCase()
  if (!lower.startsWith(`${hrp}1`)) return undefined
  const values = [...lower.slice(hrp.length + 1)].map((letter) => ALPHABET.indexOf(letter))
  if (values.length < CHECKSUM_LENGTH || values.includes(-1)) return undefined
  if (polymod([...expand(hrp), ...values]) !== 1) return undefined
  const bytes = regroup(values.slice(0, -CHECKSUM_LENGTH), 5, 8, false)
  return bytes === undefined ? undefined : Buffer.from(bytes)
}

/** Bytes as a lower-case Bech32 string. */
export function encodeBech32(prefix: string, bytes: Uint8Array): string {
  const values = regroup(bytes, 8, 5, true) ?? []
  const checksum = polymod([...expand(prefix), ...values, 0, 0, 0, 0, 0, 0]) ^ 1
  for (let at = CHECKSUM_LENGTH - 1; at >= 0; at--) values.push((checksum >>> (5 * at)) & 31)
  return `${prefix}1${values.map((value) => ALPHABET[value]).join('')}`
}
