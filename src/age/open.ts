/** Age files, by the package of age's author. */
import type { UnusablePlace } from './sources.ts'

/** Why an age file did not open. */
export type AgeRefusal = 'damaged' | 'no-match' | UnusablePlace

/** The identity lines of a key file: less comments and blank lines (age-keygen(1)). */
export function identityLines(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
}

/**
 * Opens an age file, binary or armored (C2SP age, "Armor"). `texts` are key files' contents. Gives the plaintext,
 * all of it authenticated, or why not.
 */
export async function openAgeFile(
  bytes: Buffer,
  texts: ReadonlyArray<{ readonly place: string; readonly text: string }>,
): Promise<Buffer | AgeRefusal> {
  const { Decrypter, armor } = await import('age-encryption')
  const decrypter = new Decrypter()
  for (const { place, text } of texts) {
    for (const line of identityLines(text)) {
      try {
        decrypter.addIdentity(line)
      } catch {
        return { place, reason: 'a line in it is no age identity' }
      }
    }
  }
  try {
    const file = bytes.subarray(0, 64).toString('latin1').trimStart().startsWith('-----')
      ? armor.decode(bytes.toString())
      : bytes
    return Buffer.from(await decrypter.decrypt(file))
  } catch (error) {
    return error instanceof Error && error.message.startsWith('no identity matched') ? 'no-match' : 'damaged'
  }
}
