/** --redact: what stands between a command's output and ours. */
import { MIN_CHARACTERS, patternsFor } from './forms.ts'
import { type Descriptor, makePipe } from './pipe.ts'
import { type Relay, relay } from './relay.ts'

/** The line that --redact begins with. */
export const CANNOT_CATCH = `redacting stdout and stderr; not caught: values under ${MIN_CHARACTERS} characters, in pieces, or in another form than raw, base64, URL or JSON, and what is written elsewhere`

export interface Filter {
  /** The descriptors that the command gets as its standard output and error. */
  readonly descriptors: readonly [output: Descriptor, error: Descriptor]
  /** To be called when the command has them. */
  start(): void
  /** To be awaited when the command has ended. */
  settled(): Promise<void>
}

/** Makes a filter that replaces these values by their names in brackets. */
export async function makeFilter(values: Iterable<readonly [name: string, value: string]>): Promise<Filter> {
  const patterns = patternsFor(values)
  const [output, error] = [await makePipe(), await makePipe()]
  let relays: Relay[] = []
  return {
    descriptors: [output.writer, error.writer],
    start: () => {
      relays = [relay(output.reader, 1, patterns), relay(error.reader, 2, patterns)]
      output.closeWriter()
      error.closeWriter()
    },
    settled: async () => {
      await Promise.all(relays.map(({ settled }) => settled()))
    },
  }
}
