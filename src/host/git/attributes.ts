/** The lines of .gitattributes that hand our files to our drivers. */

/** The name of our drivers in git's configuration: diff.disinto.… and merge.disinto.… */
export const DRIVER = 'disinto'

const COMMENT = '# disinto git setup: compared and merged by name, without a value.'

/** `-text`: a line end that git changes would make a file that sops refuses. */
const LINES = ['.env.enc', 'secrets/*.enc'].map(
  (pattern) => `${pattern} diff=${DRIVER} merge=${DRIVER} -text`,
)

/** Returns the text with our lines at its end, where they win; undefined when it has all of them. */
export function withAttributes(text: string): string | undefined {
  const present = new Set(text.split(/\r?\n/))
  if (LINES.every((line) => present.has(line))) return undefined
  const rest = withoutAttributes(text) ?? text
  const start = rest === '' || rest.endsWith('\n') ? rest : `${rest}\n`
  return `${start}${[COMMENT, ...LINES].join('\n')}\n`
}

/** Returns the text less our lines; undefined when it has none of them. Every other line stays as it is. */
export function withoutAttributes(text: string): string | undefined {
  const ours = new Set([COMMENT, ...LINES])
  const lines = text.split('\n')
  const kept = lines.filter((line) => !ours.has(line.replace(/\r$/, '')))
  return kept.length === lines.length ? undefined : kept.join('\n')
}
