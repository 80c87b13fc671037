/**
 * Numbers and booleans, which sops keeps as Go values. Each has two texts: the one that the MAC is over (sops.go,
 * ToBytes), and the one that `sops exec-env` and the dotenv store print (stores.go, ValToString).
 */

export interface Scalar {
  readonly authenticated: string
  readonly shown: string
}

/** `odd`: a form that Go reads and we do not follow, like hexadecimal floats. undefined: no such value in Go either. */
export type ScalarOrOdd = Scalar | 'odd' | undefined

const MIN_INT = -(2n ** 63n)
const MAX_INT = 2n ** 63n - 1n

/** An integer as strconv.Atoi reads it. */
export function goInt(text: string): Scalar | undefined {
  const digits = /^([+-]?)(\d+)$/.exec(text)
  if (digits === null) return undefined
  // More digits are more than 64 bits, and reading them would take its time.
  const figures = (digits[2] ?? '').replace(/^0+(?=\d)/, '')
  if (figures.length > 19) return undefined
  const value = BigInt(figures) * (digits[1] === '-' ? -1n : 1n)
  if (value < MIN_INT || value > MAX_INT) return undefined
  return { authenticated: String(value), shown: String(value) }
}

/** The shortest digits that give the number back, and the power of ten of the first. */
function shortest(value: number): { sign: string; digits: string; exponent: number } {
  const [mantissa = '', exponent = ''] = Math.abs(value).toExponential().split('e')
  const sign = value < 0 || Object.is(value, -0) ? '-' : ''
  return { sign, digits: mantissa.replace('.', ''), exponent: Number(exponent) }
}

/** strconv.FormatFloat(value, 'f', -1, 64) */
function plain(value: number): string {
  const { sign, digits, exponent } = shortest(value)
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0')
  const fraction = digits.slice(exponent + 1)
  return fraction === '' ? `${sign}${whole}` : `${sign}${whole}.${fraction}`
}

/** strconv.FormatFloat(value, 'G', -1, 64), with a decimal where it would look like an integer. */
function general(value: number): string {
  const { sign, digits, exponent } = shortest(value)
  if (exponent >= -4 && exponent < 6) {
    const text = plain(value)
    return text.includes('.') ? text : `${text}.0`
  }
  const point = digits.length > 1 ? `.${digits.slice(1)}` : ''
  const power = String(Math.abs(exponent)).padStart(2, '0')
  return `${sign}${digits[0]}${point}E${exponent < 0 ? '-' : '+'}${power}`
}

/** A float as strconv.ParseFloat reads it. */
export function goFloat(text: string): ScalarOrOdd {
  if (!/^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/.test(text)) return 'odd'
  const value = Number(text)
  if (!Number.isFinite(value)) return undefined
  return { authenticated: plain(value), shown: general(value) }
}

/** A number in JSON: an integer when it is written as one and fits 64 bits (json/store.go, normalizeJSONNumber). */
export function goNumber(text: string): ScalarOrOdd {
  return goInt(text) ?? goFloat(text)
}

export function goBool(value: boolean): Scalar {
  return value ? { authenticated: 'True', shown: 'true' } : { authenticated: 'False', shown: 'false' }
}

/** A boolean as strconv.ParseBool reads it. */
export function parseGoBool(text: string): Scalar | undefined {
  if (/^(?:1|t|T|TRUE|true|True)$/.test(text)) return goBool(true)
  if (/^(?:0|f|F|FALSE|false|False)$/.test(text)) return goBool(false)
  return undefined
}
