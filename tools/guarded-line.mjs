/**
 * How the shim is started where a NODE_OPTIONS, NODE_COMPILE_CACHE or OPENSSL_CONF that is meant for the command must not reach
 * the Node that holds the key. Dockerfile.agent and the pages of docs/ have copies; test/docs/guarded-line.test.ts holds
 * them equal to what this prints.
 *
 *   node tools/guarded-line.mjs
 */
import { fileURLToPath } from 'node:url'
import { SAVED, SET_ASIDE } from '../src/load/names.ts'

/**
 * - The warning would be about process.execve.
 * - SIGUSR1 must not open a debugger in the process that holds the key: at an address that no machine has (RFC 3849) none
 *   opens. --disable-sigusr1 would leave the signal blocked in the command, and Node 20 does not know it.
 * - OpenSSL's configuration can load code.
 * - The last saves the one garbage collection of a start (docs/performance.md).
 * - `--` ends Node's own search for --env-file, which would otherwise go through the command's words, too.
 */
const FLAGS = [
  '--disable-warning=ExperimentalWarning',
  '--inspect-port=[2001:db8::1]:65535',
  '--openssl-config=/dev/null',
  '--min-semi-space-size=16',
  '--',
]

const BUNDLE = '/opt/disinto/entrypoint.js'

/** The words for a Node of a path, where nothing can be set aside. */
export function plainWords(node) {
  return [node, ...FLAGS, BUNDLE]
}

/** The text for `env -S`, which fills in the variables itself. */
export function envText(node) {
  const aside = SET_ASIDE.map((name) => `${SAVED}${name}=\${${name}} ${name}=`)
  return [...aside, ...plainWords(node)].join(' ')
}

/** The text for `sh -c`, which is gone once it has done the same. PWD and SHLVL are what shells add. */
export function shellText(node) {
  const aside = SET_ASIDE.map((name) => `${SAVED}${name}="$${name}"`)
  const words = plainWords(node).map((word) => (word.includes('[') ? `'${word}'` : word))
  return `export ${aside.join(' ')}; unset ${SET_ASIDE.join(' ')} SHLVL PWD; exec ${words.join(' ')} "$@"`
}

/** Each copy, by what it is for. */
export const COPIES = {
  env: `ENTRYPOINT ${JSON.stringify(['/usr/bin/env', '-S', envText('node')]).replaceAll('","', '", "')}`,
  image: `ENTRYPOINT ${JSON.stringify(['/usr/bin/env', '-S', envText('/usr/local/bin/node')]).replaceAll('","', '", "')}`,
  shell: `ENTRYPOINT ${JSON.stringify(['/bin/sh', '-c', shellText('node'), 'disinto']).replaceAll('","', '", "')}`,
  distroless: `ENTRYPOINT ${JSON.stringify(plainWords('/nodejs/bin/node')).replaceAll('","', '", "')}`,
  // systemd would fill in the variables before env does, and cut a value with blanks in it.
  systemd: `ExecStart=/usr/bin/env -S "${envText('node').replaceAll('$', '$$$$')}"`,
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [name, text] of Object.entries(COPIES)) console.log(`${name}:\n${text}\n`)
}
