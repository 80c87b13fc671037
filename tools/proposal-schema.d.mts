/** Where the schema is. */
export const FILE: string
/** The text of docs/proposal.schema.json. */
export function proposalSchema(): string
