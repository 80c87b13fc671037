/** What can be wrong with an age file, told apart as the public test vectors do. CCTV says it in "expect". */
export type AgeFaultKind = 'armor' | 'header' | 'mac' | 'payload' | 'no-match'

/** An age file that can't be opened. The message never holds bytes of the file or of a key. */
export class AgeFault extends Error {
  override readonly name = 'AgeFault'
  readonly kind: AgeFaultKind

  constructor(kind: AgeFaultKind, message: string) {
    super(message)
    this.kind = kind
  }
}
