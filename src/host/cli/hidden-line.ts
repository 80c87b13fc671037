/** What is typed or pasted at a hidden prompt, as one value; several lines are told from one. */

/** Around a paste, where a terminal was asked to mark it (xterm, "bracketed paste mode"). */
const PASTE_BEGINS = '\x1b[200~'
const PASTE_ENDS = '\x1b[201~'
/** Any other key that sends more than itself: arrows, function keys. */
const KEY_SEQUENCE = /^\x1b(?:\[[0-9;?]*[ -/]*[@-~]|O.|[^[O])/s
/** The beginning of one, of which the rest is still on its way. */
const BEGUN_SEQUENCE = /^\x1b(?:\[[0-9;?]*[ -/]*|O)?$/s

export type LineEnd = 'entered' | 'interrupted' | 'quit'

/** One line that is being typed: takes what a terminal in raw mode sends, in pieces of any length. */
export class HiddenLine {
  #value: string[] = []
  #rest = ''
  #pasting: boolean = false
  #end: LineEnd | undefined
  #more: boolean = false

  /** How it ended; undefined as long as it goes on. */
  get end(): LineEnd | undefined {
    return this.#end
  }

  /** What was typed, less the line ends after it. */
  get value(): string {
    return this.#value.join('').replace(/\n+$/, '')
  }

  /** Whether it was more than one line: a line end inside a paste, or anything but line ends after Enter. */
  get isSeveralLines(): boolean {
    return this.#more || this.value.includes('\n')
  }

  /** Takes a piece of input. */
  feed(text: string): void {
    this.#rest += text
    while (this.#rest !== '' && this.#step());
  }

  /** Takes one key off what is left; false where it is not whole yet. */
  #step(): boolean {
    const rest = this.#rest
    if (this.#pasting) return this.#pasteStep()
    if (rest.startsWith(PASTE_BEGINS)) {
      this.#rest = rest.slice(PASTE_BEGINS.length)
      this.#pasting = true
      return true
    }
    if (rest.startsWith('\x1b')) {
      if (BEGUN_SEQUENCE.test(rest)) return false
      this.#rest = rest.slice(KEY_SEQUENCE.exec(rest)?.[0].length ?? 1)
      return true
    }
    const [key = ''] = rest
    this.#rest = rest.slice(key.length)
    this.#press(key)
    return true
  }

  /** What is pasted is taken as it is, control characters too. */
  #pasteStep(): boolean {
    const at = this.#rest.indexOf(PASTE_ENDS)
    // The mark itself may be cut in two.
    const taken = at === -1 ? this.#rest.length - tailOf(this.#rest) : at
    for (const character of this.#rest.slice(0, taken).replaceAll(/\r\n?/g, '\n')) this.#take(character)
    this.#rest = this.#rest.slice(at === -1 ? taken : taken + PASTE_ENDS.length)
    if (at !== -1) this.#pasting = false
    return at !== -1
  }

  #take(character: string): void {
    if (this.#end === undefined) this.#value.push(character)
    else if (character !== '\n') this.#more = true
  }

  #press(key: string): void {
    if (this.#end !== undefined) {
      if (key !== '\r' && key !== '\n') this.#more = true
      return
    }
    switch (key) {
      case '\r':
      case '\n':
        this.#end = 'entered'
        return
      case '\x03':
        this.#end = 'interrupted'
        return
      case '\x1c':
        this.#end = 'quit'
        return
      case '\x04':
        // The end of the input, where nothing was typed; else it means nothing here.
        if (this.#value.length === 0) this.#end = 'interrupted'
        return
      case '\x7f':
      case '\b':
        this.#value.pop()
        return
      case '\x15':
        this.#value = []
        return
      default:
        // Keys that are no character: a value has them by a paste or a file.
        if (key >= ' ' || key === '\t') this.#value.push(key)
    }
  }
}

/** How many characters at the end may be the beginning of the mark after a paste. */
function tailOf(text: string): number {
  for (let length = Math.min(PASTE_ENDS.length - 1, text.length); length > 0; length -= 1)
    if (PASTE_ENDS.startsWith(text.slice(-length))) return length
  return 0
}
