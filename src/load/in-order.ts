/** What needs something after what it needs: Tarjan's strongly connected components (1972). */

interface Frame {
  readonly at: number
  readonly rest: number[]
}

/** One search through all numbers, by a stack of our own: references may be as many deep as a file has lines. */
class Search {
  readonly circles: number[][] = []
  readonly #needs: (at: number) => number[]
  readonly #index: number[]
  readonly #low: number[]
  readonly #waiting: number[] = []
  readonly #isWaiting = new Set<number>()
  #next = 0

  constructor(count: number, needs: (at: number) => number[]) {
    this.#needs = needs
    this.#index = new Array<number>(count).fill(-1)
    this.#low = new Array<number>(count).fill(-1)
  }

  from(start: number): void {
    if (this.#index[start] !== -1) return
    const stack = [this.#enter(start)]
    for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) {
      const need = frame.rest.pop()
      if (need === undefined) {
        stack.pop()
        this.#leave(frame.at, stack.at(-1)?.at)
      } else if (this.#index[need] === -1) stack.push(this.#enter(need))
      else if (this.#isWaiting.has(need)) this.#lower(frame.at, this.#index[need] ?? 0)
    }
  }

  #enter(at: number): Frame {
    this.#index[at] = this.#low[at] = this.#next++
    this.#waiting.push(at)
    this.#isWaiting.add(at)
    return { at, rest: this.#needs(at) }
  }

  #lower(at: number, to: number): void {
    this.#low[at] = Math.min(this.#low[at] ?? 0, to)
  }

  #leave(at: number, above: number | undefined): void {
    if (above !== undefined) this.#lower(above, this.#low[at] ?? 0)
    if (this.#low[at] !== this.#index[at]) return
    const circle: number[] = []
    for (
      let one = this.#waiting.pop();
      one !== undefined;
      one = one === at ? undefined : this.#waiting.pop()
    ) {
      this.#isWaiting.delete(one)
      circle.push(one)
    }
    this.circles.push(circle)
  }
}

/** Returns the numbers below `count`, each after those it needs; several together where they need each other. */
export function inOrder(count: number, needs: (at: number) => number[]): number[][] {
  const search = new Search(count, needs)
  for (let start = 0; start < count; start++) search.from(start)
  return search.circles
}
