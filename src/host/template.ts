/** What `disinto init` writes. */
import { PROXY_FOR_AGENTS, PROXY_SERVICE } from './proxy-template.ts'

export interface Layout {
  /** Whether the project has a Dockerfile.agent to build the image from. */
  readonly dockerfile: boolean
  /** Whether a proxy uses FORGE_TOKEN for the agents. */
  readonly proxy?: boolean
}

const BUILT = `    image: \${AGENT_IMAGE:-disinto-agent}
    build:
      context: .
      dockerfile: Dockerfile.agent
`
const NOT_BUILT = `    # Built once, in a clone of disinto: docker build -f Dockerfile.agent -t disinto-agent .
    image: \${AGENT_IMAGE:-disinto-agent}
    pull_policy: never
`

/** docker-compose.yml: variable references only, so that it can be committed. */
export function composeFile({ dockerfile, proxy = false }: Layout): string {
  const image = dockerfile ? BUILT : NOT_BUILT
  const agents = proxy ? PROXY_FOR_AGENTS : { networks: '', environment: '' }
  return `# Start with: disinto up
#
# disinto adds the mounts each time, from what exists then, all of them read-only: .env.enc (or .env) in
# /etc/disinto, and the service's own key at /home/agent/.config/sops/age. The shim in the image decrypts
# there, in memory. No secret belongs under environment: below, where docker inspect would show it.
services:
  agents:
${image}    restart: unless-stopped
    init: true
    security_opt:
      - no-new-privileges
    environment:
      # Made without disinto's mounts, by docker compose up for example, it has no secrets, and does not start.
      DISINTO_REQUIRE_ANY: "1"
${agents.environment}${agents.networks}    # What the agents run; it has the secrets in its environment.
    command: ["sleep", "infinity"]

  # Runs one approved action: disinto vault-run ID. It gets the secrets that vault/approved/ID.json names, and
  # that file at /etc/disinto/proposal.json.
  vault-runner:
    profiles: [vault]
${image}    init: true
    security_opt:
      - no-new-privileges
    command: ["sh", "-c", "echo 'say what to run: disinto vault-run ID -- COMMAND, or command: in docker-compose.yml' >&2; exit 64"]
${proxy ? PROXY_SERVICE : ''}`
}

/** .env.example: names and what they are for; copied to .env by people who begin with plaintext. */
export const ENV_EXAMPLE = `# Copy to .env, fill in, then: disinto secrets migrate
# FORGE_TOKEN=
# FORGE_URL=https://forge.example.org
`

/** Never to be committed: plaintext and keys. What is encrypted is meant to be. */
export const GITIGNORE = ['.env', '.env.*', '!.env.enc', '!.env.example', 'keys.txt']

/** Never to be sent to a build: also what is encrypted, since an image is no place for it. */
export const DOCKERIGNORE = ['.env', '.env.*', 'secrets/', 'vault/', '**/keys.txt', '.git']
/** The same where something is built already: plaintext and keys alone. */
const BESIDE_A_BUILD = ['.env', '.env.*', '!.env.example', '**/keys.txt']

/**
 * The entries for `.dockerignore` beside these Dockerfiles: what they copy by name stays, since a build that worked
 * must work on. Returns what was left out, too.
 */
export function ignoredBeside(dockerfiles: readonly string[]): {
  readonly entries: readonly string[]
  readonly copied: readonly string[]
} {
  if (dockerfiles.length === 0) return { entries: DOCKERIGNORE, copied: [] }
  const words = dockerfiles
    .flatMap((text) => text.replaceAll(/\\\r?\n/g, ' ').split('\n'))
    .filter((line) => /^\s*(?:COPY|ADD)\s/i.test(line))
    .flatMap((line) => line.split(/[\s",[\]]+/))
    .map((word) => word.replace(/^\.\//, ''))
  const isCopied = (entry: string) =>
    words.some((word) => (entry === '.env.*' ? word.startsWith('.env.') : word === entry.replace('**/', '')))
  return {
    entries: BESIDE_A_BUILD.filter((entry) => !isCopied(entry)),
    copied: BESIDE_A_BUILD.filter(isCopied),
  }
}

/**
 * The text with the entries it lacks at its end; undefined when it lacks none. What is there stays as it is.
 */
export function withEntries(text: string, entries: readonly string[]): string | undefined {
  const present = new Set(text.split(/\r?\n/).map((line) => line.trim()))
  const missing = entries.filter((entry) => !present.has(entry))
  if (missing.length === 0) return undefined
  const start = text === '' || text.endsWith('\n') ? text : `${text}\n`
  return `${start}# disinto: never plaintext, never keys.\n${missing.join('\n')}\n`
}
