/** Encrypted files that are copies: ciphertext is not bound to its place. */

interface Marked {
  readonly path: string
  /** The encrypted MAC, which is of one file alone: its initialization vector is random. */
  readonly mac: string | undefined
}

/** Returns each file that has the MAC of one before it, with that one. */
export function copiesAmong<File extends Marked>(
  files: readonly File[],
): Array<{ readonly copy: File; readonly of: File }> {
  const first = new Map<string, File>()
  const copies: Array<{ copy: File; of: File }> = []
  for (const file of files) {
    if (file.mac === undefined) continue
    const of = first.get(file.mac)
    if (of === undefined) first.set(file.mac, file)
    else copies.push({ copy: file, of })
  }
  return copies
}
