/**
 * What the shim and both programs' common parts say. What the host says alone: host/errors.ts.
 *
 * Rules for a message: lower case, no full stop, the file first, names but never a value. The hint says what
 * to do. Codes are stable: programs may match on them (`DISINTO_LOG=json`).
 */
import { list, quote } from './quote.ts'

export interface Fault {
  readonly message: string
  readonly hint: string
}

/** Facts that are text. */
export type Texts<Name extends string> = Readonly<Record<Name, string>>

/** What each code says, made from the facts of the case. */
export type Catalogue = Readonly<Record<string, (facts: never) => Fault>>

const KEY_PLACES = 'SOPS_AGE_KEY, SOPS_AGE_KEY_FILE, SOPS_AGE_KEY_CMD'

/** Why a file without the mark of a program can't be one. */
export const NOT_MARKED = 'it is not executable'

/** What to do about a file that the kernel does not execute. */
function denialHint(command: string, reason: string): string {
  if (reason === NOT_MARKED)
    return `make it executable: chmod +x ${quote(command)}, in the image or where it is mounted from`
  if (reason === 'EACCES')
    return 'its mode allows it, so something else forbids it: the mount (noexec: docker run --tmpfs /dir:exec), a directory above it, or a security module'
  return 'it must be an executable for this machine, or a script with a #! line'
}

/** What to do about a key that can't be used, by where it is and what is wrong with it. */
function keyHint(place: string, reason: string): string {
  const inPlace = /(?:^|\/)(~|["'])/.exec(place)?.[1]
  if (reason === 'ENOENT' && inPlace === '~') return 'only shells know what ~ means: write the whole path'
  if (reason === 'ENOENT' && inPlace !== undefined)
    return 'remove the quotes: docker --env-file and systemd pass them on as part of the path'
  if (reason === 'ENOENT') return 'check the spelling, and the mount that should put it there'
  if (reason === 'EISDIR')
    return 'where a mounted file is missing, Docker makes a directory: remove the directory, put the key file there on the host, and start again; or name the file inside it'
  if (reason === 'EACCES')
    return 'only its owner and root (with CAP_DAC_OVERRIDE) can read it: in the agent image, start the container without --user and keep that capability'
  if (reason.includes('byte order mark'))
    return `save it as UTF-8 without one: sed -i '1s/^\\xEF\\xBB\\xBF//' ${quote(place)}`
  if (reason.includes('in quotes')) return 'remove the quotes: an identity stands alone on its line'
  if (reason.includes('public key'))
    return 'a public key opens nothing: use the file that age-keygen wrote, whose line begins with AGE-SECRET-KEY-'
  if (place === 'SOPS_AGE_KEY_CMD')
    return 'run the command yourself, as root and without a shell: it must exit with status 0 and print lines that begin with AGE-SECRET-KEY-'
  return 'restore the key file from its backup: lines that begin with AGE-SECRET-KEY-, and # comments'
}

export const CORE_CATALOGUE = {
  'option-unknown': ({ option, near }: Texts<'option'> & { readonly near: string | undefined }) => ({
    message: `unknown option ${quote(option)}`,
    hint: near === undefined ? 'entrypoint.js --help lists the options' : `did you mean ${near}?`,
  }),
  'option-value': ({ option, wanted }: Texts<'option' | 'wanted'>) => ({
    message: `${option}: needs ${wanted}`,
    hint: 'entrypoint.js --help shows each option with an example',
  }),
  'command-missing': () => ({
    message: 'no command to run',
    hint: 'put one after the options: entrypoint.js -- COMMAND [ARGUMENT ...]; or use --check to look without running anything',
  }),
  'node-debug': () => ({
    message: 'NODE_DEBUG makes Node print the environment of every program it starts, including the secrets',
    hint: 'remove child_process and * from NODE_DEBUG; for the command alone: entrypoint.js -- env NODE_DEBUG=… COMMAND',
  }),
  'directory-gone': () => ({
    message: 'the working directory no longer exists',
    hint: 'change to one that does, or use --root, --env-file and --secrets-dir with full paths',
  }),
  'root-missing': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: the root directory does not exist, or is not a directory`,
    hint: 'point --root or DISINTO_ROOT at the directory that holds .env.enc and secrets/',
  }),
  'source-missing': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: does not exist, though an option or variable names it`,
    hint: 'check --env-file, --secrets-dir and their variables, and the mount behind them',
  }),
  'source-dangling': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: is a link to a file that does not exist`,
    hint: 'restore the file it points to, or remove the link',
  }),
  'source-unreadable': ({ path, reason }: Texts<'path' | 'reason'>) => ({
    message: `${quote(path)}: can't be read (${reason})`,
    hint: 'check its owner and mode, and those of the directories above it',
  }),
  'source-irregular': ({ path, kind }: Texts<'path' | 'kind'>) => ({
    message: `${quote(path)}: is ${kind}, not a file`,
    hint: 'where a mounted file is missing, Docker makes a directory: create the file first, then start again',
  }),
  'secrets-dir-irregular': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: is not a directory`,
    hint: 'the secrets directory holds one NAME.enc file for each secret',
  }),
  'source-empty': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: is empty`,
    hint: 'restore it from git or a backup, or encrypt the value again',
  }),
  'source-too-large': ({ path, limit }: Texts<'path'> & { readonly limit: number }) => ({
    message: `${quote(path)}: is larger than ${limit / 1024 / 1024} MiB`,
    hint: 'an environment holds at most 128 KiB for each variable: is this the right file?',
  }),
  'yaml-limit': ({ path, what }: Texts<'path' | 'what'>) => ({
    message: `${quote(path)}: is YAML ${what}`,
    hint: 'people do not write YAML like this: look in the history of the file for where it came from',
  }),
  'source-not-encrypted': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: is not encrypted, or is incomplete`,
    hint: 'expected SOPS dotenv, JSON, YAML or binary, or an age file: encrypt it with sops, or restore it',
  }),
  'source-several': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: holds several YAML documents`,
    hint: 'an environment is one flat list: keep one document',
  }),
  'name-bad': ({ path, name }: Texts<'path' | 'name'>) => ({
    message: `${quote(path)}: ${quote(name)} is not a variable name`,
    hint: 'names match [A-Za-z_][A-Za-z0-9_]*: rename it',
  }),
  'name-bad-line': ({ path, line }: Texts<'path'> & { readonly line: number }) => ({
    message: `${quote(path)}: line ${line}: the text before the = is not a variable name`,
    hint: 'names match [A-Za-z_][A-Za-z0-9_]*: rename it; a value of several lines goes in double quotes',
  }),
  'name-twice': ({ path, name }: Texts<'path' | 'name'>) => ({
    message: `${quote(path)}: ${quote(name)} is set twice, and one of the two is not authenticated: anyone could have added it`,
    hint: 'see what changed (git log -p), and keep the one that is right',
  }),
  'item-name': ({ path, line }: Texts<'path'> & { readonly line: number }) => ({
    message: `${quote(path)}: line ${line}: sets a name other than its own, which no valid file does`,
    hint: 'see what changed (git log -p); in a file of your own, write NAME=value on that line',
  }),
  'key-lines': ({ path, line }: Texts<'path'> & { readonly line: number }) => ({
    message: `${quote(path)}: line ${line}: is part of an unquoted value of several lines, and looks like a name of its own`,
    hint: 'put the whole value in double quotes, from its first line to its last',
  }),
  'references-too-large': ({ path, line }: Texts<'path'> & { readonly line: number }) => ({
    message: `${quote(path)}: line ${line}: its references expand the values of this file to more than 10 MiB`,
    hint: 'remove a reference, or use --no-expand',
  }),
  'source-conflict': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: has git conflict markers`,
    hint: 'take one side whole (git checkout --ours or --theirs), then set the values of the other side again',
  }),
  'source-crlf': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: its lines end with carriage returns, which no SOPS dotenv file has: git has changed them (core.autocrlf)`,
    hint: 'write "*.enc -text" to .gitattributes, then check the file out again: rm it and git checkout it',
  }),
  'source-utf16': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: is UTF-16, which is not supported`,
    hint: 'save it as UTF-8, for example by: iconv -f UTF-16 -t UTF-8',
  }),
  'name-refused': ({ path, name, reason }: Texts<'path' | 'name' | 'reason'>) => ({
    message: `${quote(path)}: ${quote(name)} is refused: it ${reason}`,
    hint: `rename it, or allow it: --allow ${name} for one command, x-disinto: {allow: [${name}]} in the compose file for a stack`,
  }),
  'name-mismatch': ({
    path,
    expected,
    found,
  }: Texts<'path' | 'expected'> & { readonly found: readonly string[] }) => ({
    message: `${quote(path)}: must hold ${quote(expected)} and nothing else, but holds ${list(found) || 'nothing'}`,
    hint: `put ${quote(expected)} alone in it; each other secret gets a file of its own`,
  }),
  'value-type': ({ path, name, type }: Texts<'path' | 'name' | 'type'>) => ({
    message: `${quote(path)}: ${quote(name)} is ${type}, not a value an environment can hold`,
    hint: 'use a string, a number or a boolean',
  }),
  'value-nul': ({ path, name }: Texts<'path' | 'name'>) => ({
    message: `${quote(path)}: the value of ${quote(name)} holds a NUL byte, which an environment variable cannot`,
    hint: `have the command read it from a file: --as-file ${quote(name)}; or store it as text, base64 for example`,
  }),
  'value-too-long': ({ path, name }: Texts<'path' | 'name'>) => ({
    message: `${quote(path)}: the value of ${quote(name)} is too long: the kernel allows 128 KiB, name included`,
    hint: `have the command read it from a file: --as-file ${quote(name)}`,
  }),
  'value-not-utf8': ({ path, name }: Texts<'path' | 'name'>) => ({
    message: `${quote(path)}: the value of ${quote(name)} is not UTF-8 text`,
    hint: 'store it as text, base64 for example',
  }),
  'key-missing': ({ path, files }: Texts<'path'> & { readonly files: readonly string[] }) => ({
    message: `${quote(path)}: no age identity to open it with`,
    hint: `looked in ${KEY_PLACES} and ${
      files.length === 0 ? 'no key file, as HOME is not set' : files.map(quote).join(' and ')
    }: mount or restore the key there`,
  }),
  'key-within-reach': ({ path, user, can, how }: Texts<'path' | 'user' | 'can' | 'how'>) => ({
    message: `${quote(path)}: ${quote(user)}, whom the command would run as, could ${can} this key`,
    hint: `${how}; or start anyway, with a warning: --allow-readable-key (DISINTO_ALLOW_READABLE_KEY=1)`,
  }),
  'key-unreadable': ({ path, place, reason }: Texts<'path' | 'place' | 'reason'>) => ({
    message: `${quote(path)}: the age key at ${quote(place)} can't be used (${reason})`,
    hint: keyHint(place, reason),
  }),
  'key-wrong': ({
    path,
    recipients,
    tried = [],
  }: Texts<'path'> & {
    readonly recipients: readonly string[]
    readonly tried?: readonly string[] | undefined
  }) => ({
    message: `${quote(path)}: none of the age identities at hand opens it${
      recipients.length === 0 ? '' : `; it is encrypted to ${list(recipients)}`
    }${tried.length === 0 ? '' : `; tried ${tried.join(', ')}`}`,
    hint: 'use the key of one of these recipients, or have it encrypted to yours: disinto secrets recipients add',
  }),
  'key-passphrase': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: the age identity is protected by a passphrase, and there is no terminal to type it at`,
    hint: 'run it at a terminal; or, for a start without one, use a key of its own without a passphrase: disinto secrets recipients add',
  }),
  'file-tampered': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: was changed after it was encrypted, or is damaged`,
    hint: 'restore it from git or a backup; edit it only with sops or disinto',
  }),
  'sops-missing': ({ path, reason }: Texts<'path'> & { readonly reason?: string | undefined }) => ({
    message: `${quote(path)}: needs the sops program, which is not on PATH${
      reason === undefined ? '' : ` (the builtin engine can't open it: ${reason})`
    }`,
    hint: 'install sops: https://github.com/getsops/sops',
  }),
  'sops-untrusted': ({ path, program }: Texts<'path' | 'program'>) => ({
    message: `${quote(path)}: needs the sops program, but users other than root could change ${quote(program)}`,
    hint: 'make it and the directories above it writable only by root (chown root, chmod go-w), or put a sops that is so first on PATH',
  }),
  'key-type-needed': ({
    path,
    types,
    allowed,
    tried = false,
  }: Texts<'path'> & {
    readonly types: readonly string[]
    readonly allowed: readonly string[]
    readonly tried?: boolean | undefined
  }) => ({
    message: `${quote(path)}: ${
      tried ? 'none of the keys at hand opens it' : 'no type of key that is allowed here opens it'
    }; it is also encrypted to ${types.join(', ')}, which is not allowed`,
    hint: `to allow it: --key-types or DISINTO_KEY_TYPES=${[...allowed, ...types].join(',')}`,
  }),
  'key-types-unclear': ({ path, what }: Texts<'path' | 'what'>) => ({
    message: `${quote(path)}: the types of key it is encrypted to are unclear: its metadata has ${what}`,
    hint: 'have sops rewrite it (sops rotate), or allow every type: --key-types age,pgp,kms,gcp_kms,azure_kv,hckms,hc_vault',
  }),
  'vault-unnamed': ({ path, addresses }: Texts<'path'> & { readonly addresses: readonly string[] }) => ({
    message: `${quote(path)}: names the Vault ${list(addresses)}, which is not allowed here`,
    hint: 'to allow it, set VAULT_ADDR to it, or list every allowed address in SOPS_HC_VAULT_ALLOWLIST',
  }),
  'sops-old': ({ path, program, version }: Texts<'path' | 'program' | 'version'>) => ({
    message: `${quote(path)}: needs sops 3.10 or later, and ${quote(program)} is ${version}, which is too old`,
    hint: 'install a newer one, or put it first on PATH: https://github.com/getsops/sops/releases',
  }),
  'key-service-silent': ({ path, types }: Texts<'path'> & { readonly types: readonly string[] }) => ({
    message: `${quote(path)}: the service that holds its ${types.join(', ')} key can't be reached`,
    hint: 'check its address (VAULT_ADDR, AWS_ENDPOINT_URL), that it runs, and the network and proxies from here',
  }),
  'key-service-refused': ({ path, types }: Texts<'path'> & { readonly types: readonly string[] }) => ({
    message: `${quote(path)}: the service that holds its ${types.join(', ')} key refused to decrypt with it`,
    hint: 'check that the credentials (VAULT_TOKEN, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, …) are set, still valid, and allowed to decrypt with that key; and that the key is enabled',
  }),
  'sops-failed': ({ path, text, type }: Texts<'path' | 'text' | 'type'>) => ({
    message: `${quote(path)}: sops failed: ${text}`,
    hint: `run: sops decrypt --input-type ${type} --output-type ${type} ${quote(path)} >/dev/null`,
  }),
  'sops-unstartable': ({ path, reason }: Texts<'path' | 'reason'>) => ({
    message: `${quote(path)}: the sops program can't be started (${reason})`,
    hint: 'check the sops that is first on PATH, and the memory and process limits',
  }),
  'sops-output': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: sops returned something other than the decrypted file`,
    hint: 'check which sops is first on PATH: sops --version',
  }),
  'engine-declines': ({ path, reason }: Texts<'path' | 'reason'>) => ({
    message: `${quote(path)}: the builtin engine can't open it: ${reason}`,
    hint: 'leave out --engine and DISINTO_ENGINE, so that sops can open it',
  }),
  'age-declines': ({ path, reason }: Texts<'path' | 'reason'>) => ({
    message: `${quote(path)}: is an age file that can't be opened here: ${reason}`,
    hint: 'encrypt the value with sops instead, which opens files for SSH keys and plugins',
  }),
  'require-unmet': ({ names }: { readonly names: readonly string[] }) => ({
    message: `required but missing or empty: ${list(names)}`,
    hint: 'add each to .env.enc or as secrets/NAME.enc, or remove it from --require',
  }),
  'as-missing': ({ name, source }: Texts<'name' | 'source'>) => ({
    message: `--as: ${quote(name)} should get the value of ${quote(source)}, which is not in any file`,
    hint: 'check the name, and that its file is there: secrets/NAME.enc, or secrets/NAME@SERVICE.enc',
  }),
  'require-any-unmet': ({ root }: Texts<'root'>) => ({
    message: `0 secrets: no .env.enc, .env or secrets/ with a value in ${quote(root)}, but at least one is required`,
    hint: 'start the stack with disinto up, which mounts them; or check the mounts, --root, and --require-any (DISINTO_REQUIRE_ANY)',
  }),
  'as-file-unmet': ({ names }: { readonly names: readonly string[] }) => ({
    message: `--as-file: missing or empty: ${list(names)}`,
    hint: 'add each to .env.enc or as secrets/NAME.enc, or remove it from --as-file',
  }),
  'as-file-no-tmpfs': ({ names }: { readonly names: readonly string[] }) => ({
    message: `--as-file ${names.map(quote).join(',')}: no tmpfs to write to, and secrets are not written to a disk`,
    hint: 'add one to the container (docker run --tmpfs /dev/shm:mode=1777, or without --ipc none), or set XDG_RUNTIME_DIR',
  }),
  'as-file-unwritten': ({ path, reason }: Texts<'path' | 'reason'>) => ({
    message: `${quote(path)}: the value can't be written (${reason})`,
    hint:
      reason === 'ENOSPC' || reason === 'EDQUOT'
        ? 'the tmpfs is full (see df): make it larger (docker run --tmpfs /dev/shm:size=…, sizeLimit), or remove other files from it'
        : 'add another tmpfs to the container (docker run --tmpfs /dev/shm:mode=1777), or set XDG_RUNTIME_DIR',
  }),
  'inherited-not-utf8': ({ what }: Texts<'what'>) => ({
    message: `${quote(what)} is not UTF-8 in the shim’s own arguments or environment`,
    hint: 'it would be damaged on its way through Node: pass it as UTF-8 text, base64 for example',
  }),
  'user-unknown': ({ spec, part }: Texts<'spec' | 'part'>) => ({
    message: `--user ${quote(spec)}: ${part}`,
    hint: 'use a name from /etc/passwd, or UID:GID as numbers',
  }),
  'user-refused': ({ spec, reason }: Texts<'spec' | 'reason'>) => ({
    message: `--user ${quote(spec)}: the kernel refused the change of user (${reason})`,
    hint: 'keep CAP_SETUID and CAP_SETGID (no docker run --cap-drop ALL without --cap-add), or set DISINTO_USER to nothing (docker run -e DISINTO_USER=): then the command is root',
  }),
  'user-not-root': ({ spec, uid }: Texts<'spec'> & { readonly uid: number }) => ({
    message: `--user ${quote(spec)}: only root can become another user, and this is uid ${uid}`,
    hint: `start the container as root (no docker run --user, CAP_SETUID and CAP_SETGID kept), or set DISINTO_USER to nothing (docker run -e DISINTO_USER=): then the command is uid ${uid}, who can read whatever key it is started with`,
  }),
  'command-not-found': ({ command }: Texts<'command'>) => ({
    message: `${quote(command)}: command not found`,
    hint: command.includes('/')
      ? 'check the path, and the interpreter in its first line'
      : 'check the spelling and PATH',
  }),
  'command-not-executable': ({ command, reason }: Texts<'command' | 'reason'>) => ({
    message: `${quote(command)}: can't be executed (${reason})`,
    hint: denialHint(command, reason),
  }),
  'command-no-process': ({ command }: Texts<'command'>) => ({
    message: `${quote(command)}: the limit on processes has been reached (EAGAIN)`,
    hint: 'raise the limit: docker run --pids-limit or --ulimit nproc, TasksMax= in systemd; it counts all processes of the same uid',
  }),
  'interpreter-missing': ({ command }: Texts<'command'>) => ({
    message: `${quote(command)}: exists, but the program it needs to run does not`,
    hint: 'check the interpreter in its #! line, and that it was built for this system (libc, architecture)',
  }),
  'environment-too-large': ({ command }: Texts<'command'>) => ({
    message: `${quote(command)}: the arguments and the environment together are too large for the kernel`,
    hint: 'load fewer names with --only, or pass values as files with --as-file',
  }),
  internal: ({ what }: Texts<'what'>) => ({
    message: `unexpected ${what}`,
    hint: 'this is a bug in disinto: please report it with the command line you used',
  }),
} satisfies Catalogue

export type ErrorCode = keyof typeof CORE_CATALOGUE
