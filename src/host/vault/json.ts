/** JSON of other programs, whose shape is taken for nothing. */

export type Json = Readonly<Record<string, unknown>>

export const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The object that a value is; an empty one for anything else. */
export const objectOf = (value: unknown): Json => (isObject(value) ? value : {})

/** The list that a value is; an empty one for anything else. */
export const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

/** Whether a setting says nothing: absent, false, 0, an empty text, list or object, or a list of such. */
export function isEmpty(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(isEmpty)
  if (isObject(value)) return Object.values(value).every(isEmpty)
  return value === undefined || value === null || value === false || value === 0 || value === ''
}
