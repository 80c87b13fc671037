/** A tar archive of small files that belong to root (POSIX.1-1988, ustar). */

export interface TarFile {
  /** At most 100 bytes, with no slash to begin with. */
  readonly path: string
  readonly bytes: Buffer
  readonly mode: number
}

const BLOCK = 512

const octal = (value: number, width: number): string => `${value.toString(8).padStart(width - 1, '0')}\0`

function headerOf({ path, bytes, mode }: TarFile): Buffer {
  const header = Buffer.alloc(BLOCK)
  header.write(path, 0)
  header.write(octal(mode, 8), 100)
  // Owner and group: 0.
  header.write(octal(0, 8), 108)
  header.write(octal(0, 8), 116)
  header.write(octal(bytes.length, 12), 124)
  header.write(octal(0, 12), 136)
  header.write('        0', 148)
  header.write('ustar\x0000', 257)
  // The checksum is taken with blanks in its own place.
  const sum = header.reduce((all, byte) => all + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return header
}

/** Returns the archive. Names are our own: one that does not fit is a mistake of ours. */
export function tarOf(files: readonly TarFile[]): Buffer {
  const parts = files.flatMap((file) => {
    if (Buffer.byteLength(file.path) > 100) throw new RangeError('a name that is too long for tar')
    const padding = (BLOCK - (file.bytes.length % BLOCK)) % BLOCK
    return [headerOf(file), file.bytes, Buffer.alloc(padding)]
  })
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)])
}
