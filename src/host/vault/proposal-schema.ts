/**
 * What a proposal is.
 * The one source of what is checked, of what the messages say, and of the JSON Schema for editors and forges
 * (docs/proposal.schema.json, by `npm run reference`).
 */
import * as v from 'valibot'

/** As a file name, a container's name and a word in a log: no slash, and no dot or dash to begin with. */
export const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/
/** The longest that a timer can wait is 24 days. */
const MOST_MINUTES = 24 * 24 * 60

const text = (message: string) => v.pipe(v.string(message), v.nonEmpty(message), v.regex(/\S/, message))

/** Whatever the action needs; but not nothing. */
export const PAYLOAD = v.custom<unknown>(
  (value) => value !== undefined && value !== null,
  'must say what to do',
)

const names = (message: string, none = message) =>
  v.pipe(v.array(v.string(message), message), v.nonEmpty(none))

/** What `disinto approve` adds before it signs. Nothing else may stand there: what we don't know we can't keep to. */
const APPROVAL = v.strictObject(
  {
    id: v.pipe(v.string('must name its proposal'), v.description('the ID that it is for, and no other')),
    expires: v.optional(
      v.pipe(
        v.string('must have a time in "expires"'),
        v.isoTimestamp('must have a time in "expires", 2026-11-26T12:00:00Z for example'),
        v.description('the approval is valid until then'),
      ),
    ),
    command: v.optional(
      v.pipe(names('must have a list of words in "command"'), v.description('what is run, and nothing else')),
    ),
  },
  'must be an object with id, expires and command',
)

const SHARED = {
  id: v.optional(v.pipe(v.string('must be text'), v.description('the ID of the proposal, if stated'))),
  secrets: v.pipe(
    names('must be a list of names', 'must name at least one secret'),
    v.description('the names of the secrets that it gets, each once'),
  ),
  files: v.optional(
    v.pipe(
      v.array(v.string('must be a list of names'), 'must be a list of names'),
      v.description('those of its secrets that it gets as files, in NAME_FILE'),
    ),
  ),
  timeout_minutes: v.optional(
    v.pipe(
      v.number('must be a number of minutes'),
      v.gtValue(0, 'must be more than zero'),
      v.maxValue(MOST_MINUTES, `must be at most ${MOST_MINUTES} minutes`),
      v.description('the run is stopped after so many minutes'),
    ),
  ),
  approval: v.optional(
    v.pipe(APPROVAL, v.description('written by disinto approve, and signed with the rest')),
  ),
}

export const OBJECT = 'must be an object with type, source, payload and secrets'

/** vault/approved/ID.json. Unknown keys are kept: whoever writes proposals may have more to say than we read. */
export const PROPOSAL = v.looseObject(
  {
    type: v.pipe(
      text('must be text that says what kind of action it is'),
      v.description('the kind of action'),
    ),
    source: v.pipe(text('must be text that says who proposed it'), v.description('who proposed it')),
    payload: PAYLOAD,
    ...SHARED,
  },
  OBJECT,
)

/** ID.toml, as older installations write it into vault/actions/. */
export const OLDER_PROPOSAL = v.looseObject(
  {
    formula: text('must be text that says what kind of action it is'),
    context: v.optional(PAYLOAD),
    ...SHARED,
  },
  'must have formula, context and secrets',
)

export type ApprovalTerms = v.InferOutput<typeof APPROVAL>
