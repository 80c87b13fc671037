/** Why a SOPS file can't be opened. Messages never hold a value or bytes of one. */
export class SopsFault extends Error {
  override readonly name = 'SopsFault'
  /** `damaged`: sops would refuse it too. `declined`: sops might open it, but not this engine. */
  readonly kind: 'damaged' | 'declined'

  constructor(kind: 'damaged' | 'declined', message: string) {
    super(message)
    this.kind = kind
  }
}

export function damaged(what: string): SopsFault {
  return new SopsFault('damaged', what)
}
