/** The rules that first use writes to .sops.yaml. */

/** The text of new rules for a project's own files: `.env.enc` for operators and services, secret files for operators alone. */
export function newRules(operators: readonly string[], services: readonly string[]): string {
  return `# Who may open what: the first rule whose path_regex fits a file. Read by sops and by disinto.
creation_rules:
  # The env file: the operator, and the services that get it.
  - path_regex: ^\\.env(\\.enc)?$
    age: ${[...operators, ...services].join(',')}
  # Each other secret: the operator alone.
  - path_regex: ^secrets/[^/]+\\.enc$
    age: ${operators.join(',')}
`
}
