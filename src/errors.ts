/**
 * The one error type and the one place where errors are made.
 *
 * Rules for a message: lower case, no full stop, the file first, names but never a value. The hint says what
 * to do. Codes are stable: programs may match on them (`DISINTO_LOG=json`).
 */

/** Exit status of the shim's own failures, as `docker run` and `env` use it (env(1), EXIT STATUS). */
const SHIM_FAILED = 125
/** The host command's status for a wrong use. */
const USAGE = 2
const NOT_EXECUTABLE = 126
const NOT_FOUND = 127

export interface Fault {
  readonly message: string
  readonly hint: string
  /** Exit status; 125 unless told. */
  readonly status?: number
}

/** Shows a name or path from outside: as it is when plain, else quoted, so that it can't forge output. */
export function quote(text: string): string {
  return /^[\w./@%+,:=~-]+$/.test(text) ? text : JSON.stringify(text)
}

function list(names: readonly string[]): string {
  return names.map(quote).join(', ')
}

const KEY_PLACES = 'SOPS_AGE_KEY, SOPS_AGE_KEY_FILE, SOPS_AGE_KEY_CMD'

const catalogue = {
  'subcommand-unknown': (word: string, near: string | undefined, group = '') => ({
    message: `no command ${quote(word)}`,
    hint:
      near === undefined
        ? `disinto help${group === '' ? '' : ` ${group}`} lists the commands`
        : `did you mean disinto ${near}?`,
    status: USAGE,
  }),
  'option-unknown': (option: string, near: string | undefined) => ({
    message: `unknown option ${quote(option)}`,
    hint: near === undefined ? 'entrypoint.js --help lists the options' : `did you mean ${near}?`,
  }),
  'option-value': (option: string, wanted: string) => ({
    message: `${option}: needs ${wanted}`,
    hint: 'entrypoint.js --help shows each option with an example',
  }),
  'command-missing': () => ({
    message: 'no command to run',
    hint: 'give one after the options: entrypoint.js -- COMMAND [ARGUMENT ...], or --check to only look',
  }),
  'node-debug': () => ({
    message: 'NODE_DEBUG has Node print the environment of every program it starts, secrets and all',
    hint: 'take child_process and * out of NODE_DEBUG; for the command alone: entrypoint.js -- env NODE_DEBUG=… COMMAND',
  }),
  'directory-gone': () => ({
    message: 'the working directory does not exist any more',
    hint: 'change to one that does, or name every place: --root, --env-file and --secrets-dir with full paths',
  }),
  'root-missing': (path: string) => ({
    message: `${quote(path)}: the root directory does not exist or is no directory`,
    hint: 'point --root or DISINTO_ROOT at the directory that holds .env.enc and secrets/',
  }),
  'source-missing': (path: string) => ({
    message: `${quote(path)}: does not exist, though an option or variable names it`,
    hint: 'check --env-file, --secrets-dir and their variables, and the mount behind them',
  }),
  'source-dangling': (path: string) => ({
    message: `${quote(path)}: a link to nothing`,
    hint: 'restore the file it points at, or remove the link',
  }),
  'source-unreadable': (path: string, reason: string) => ({
    message: `${quote(path)}: can't be read (${reason})`,
    hint: 'check its owner and mode, and those of the directories above it',
  }),
  'source-irregular': (path: string, kind: string) => ({
    message: `${quote(path)}: is ${kind}, not a file`,
    hint: 'a mount of a missing file makes a directory: create the file first, then start again',
  }),
  'secrets-dir-irregular': (path: string) => ({
    message: `${quote(path)}: is not a directory`,
    hint: 'the secrets directory holds one NAME.enc file for each secret',
  }),
  'source-empty': (path: string) => ({
    message: `${quote(path)}: is empty`,
    hint: 'restore it from git or a backup, or encrypt the value again',
  }),
  'source-too-large': (path: string, limit: number) => ({
    message: `${quote(path)}: is larger than ${limit / 1024 / 1024} MiB`,
    hint: 'an environment holds at most 128 KiB for each variable: is this the right file?',
  }),
  'source-not-encrypted': (path: string) => ({
    message: `${quote(path)}: is not encrypted, or not whole`,
    hint: 'expected SOPS dotenv, JSON, YAML or binary, or an age file: encrypt it with sops, or restore it',
  }),
  'source-several': (path: string) => ({
    message: `${quote(path)}: holds several YAML documents`,
    hint: 'an environment is one flat list: keep one document',
  }),
  'name-bad': (path: string, name: string) => ({
    message: `${quote(path)}: ${quote(name)} is no variable name`,
    hint: 'names match [A-Za-z_][A-Za-z0-9_]*: rename it',
  }),
  'name-refused': (path: string, name: string, reason: string) => ({
    message: `${quote(path)}: ${quote(name)} is refused: it ${reason}`,
    hint: `rename it, or let it through with --allow ${name}`,
  }),
  'name-mismatch': (path: string, expected: string, found: readonly string[]) => ({
    message: `${quote(path)}: must hold ${expected} and nothing else, but holds ${list(found) || 'nothing'}`,
    hint: `put ${expected} alone in it; each other secret gets a file of its own`,
  }),
  'value-type': (path: string, name: string, type: string) => ({
    message: `${quote(path)}: ${quote(name)} is ${type}, not a value an environment can hold`,
    hint: 'use a string, a number or a boolean',
  }),
  'value-nul': (path: string, name: string) => ({
    message: `${quote(path)}: the value of ${quote(name)} holds a NUL byte, which no environment can`,
    hint: 'store it as text, base64 for example',
  }),
  'value-too-long': (path: string, name: string) => ({
    message: `${quote(path)}: the value of ${quote(name)} is too long: the kernel takes 128 KiB with the name`,
    hint: 'give the command a file instead, or a shorter value',
  }),
  'value-not-utf8': (path: string, name: string) => ({
    message: `${quote(path)}: the value of ${quote(name)} is not UTF-8 text`,
    hint: 'store it as text, base64 for example',
  }),
  'key-missing': (path: string, files: readonly string[]) => ({
    message: `${quote(path)}: no age identity to open it with`,
    hint: `looked in ${KEY_PLACES} and ${
      files.length === 0 ? 'no key file, as HOME is not set' : files.map(quote).join(' and ')
    }: mount or restore the key there`,
  }),
  'key-within-reach': (path: string, user: string, can: string, how: string) => ({
    message: `${quote(path)}: ${quote(user)}, whom the command would run as, could ${can} this key`,
    hint: `${how}; or start all the same with --allow-readable-key (DISINTO_ALLOW_READABLE_KEY=1)`,
  }),
  'key-unreadable': (path: string, place: string, reason: string) => ({
    message: `${quote(path)}: the age key at ${quote(place)} can't be used (${reason})`,
    hint:
      reason === 'EACCES'
        ? 'only its owner and root (with CAP_DAC_OVERRIDE) can read it: in the agent image, start the container without --user and keep that capability'
        : 'restore the key file from its backup: lines that begin with AGE-SECRET-KEY-, and # comments',
  }),
  'key-wrong': (path: string, recipients: readonly string[], tried: readonly string[] = []) => ({
    message: `${quote(path)}: none of the age identities at hand opens it${
      recipients.length === 0 ? '' : `; it is encrypted to ${list(recipients)}`
    }${tried.length === 0 ? '' : `; tried ${tried.join(', ')}`}`,
    hint: 'use the key of one of these recipients, or have it encrypted to yours: disinto secrets recipients add',
  }),
  'file-tampered': (path: string) => ({
    message: `${quote(path)}: was changed after it was encrypted, or is damaged`,
    hint: 'restore it from git or a backup; never edit it other than with sops or disinto',
  }),
  'sops-missing': (path: string, reason?: string) => ({
    message: `${quote(path)}: needs the sops program, which is not on PATH${
      reason === undefined ? '' : ` (the builtin engine can't open it: ${reason})`
    }`,
    hint: 'install sops: https://github.com/getsops/sops',
  }),
  'sops-untrusted': (path: string, program: string) => ({
    message: `${quote(path)}: needs the sops program, and others than root could change ${quote(program)}`,
    hint: 'let root alone own it and the directories above it (chown root, chmod go-w), or put one that is so first on PATH',
  }),
  'key-type-needed': (path: string, types: readonly string[], allowed: readonly string[], tried = false) => ({
    message: `${quote(path)}: ${
      tried ? 'none of the keys at hand opens it' : 'no kind of key that is allowed here opens it'
    }; it is encrypted to ${types.join(', ')} too, which may not be used`,
    hint: `if it should be: --key-types or DISINTO_KEY_TYPES=${[...allowed, ...types].join(',')}`,
  }),
  'key-types-unclear': (path: string, what: string) => ({
    message: `${quote(path)}: which kinds of keys it is encrypted to can't be told for certain: its metadata has ${what}`,
    hint: 'have sops write it anew (sops rotate), or allow every kind: --key-types age,pgp,kms,gcp_kms,azure_kv,hckms,hc_vault',
  }),
  'vault-unnamed': (path: string, addresses: readonly string[]) => ({
    message: `${quote(path)}: names the Vault ${list(addresses)}, and nothing here says that it may be asked`,
    hint: 'if it may: set VAULT_ADDR to it, or SOPS_HC_VAULT_ALLOWLIST to all that may',
  }),
  'sops-failed': (path: string, text: string) => ({
    message: `${quote(path)}: sops failed: ${text}`,
    hint: `run: sops decrypt ${quote(path)} >/dev/null`,
  }),
  'sops-unstartable': (path: string, reason: string) => ({
    message: `${quote(path)}: the sops program can't be started (${reason})`,
    hint: 'check the sops that is first on PATH, and the memory and process limits',
  }),
  'sops-output': (path: string) => ({
    message: `${quote(path)}: sops answered with something that is not the decrypted file`,
    hint: 'check which sops is first on PATH: sops --version',
  }),
  'engine-declines': (path: string, reason: string) => ({
    message: `${quote(path)}: the builtin engine can't open it: ${reason}`,
    hint: 'leave --engine and DISINTO_ENGINE out, so that sops opens what it can',
  }),
  'age-declines': (path: string, reason: string) => ({
    message: `${quote(path)}: an age file that can't be opened here: ${reason}`,
    hint: 'encrypt the value with sops instead: sops opens files of SSH keys and plugins',
  }),
  'require-unmet': (names: readonly string[]) => ({
    message: `required but missing or empty: ${list(names)}`,
    hint: 'add each to .env.enc or as secrets/NAME.enc, or take it out of --require',
  }),
  'as-file-unmet': (names: readonly string[]) => ({
    message: `--as-file: missing or empty: ${list(names)}`,
    hint: 'add each to .env.enc or as secrets/NAME.enc, or take it out of --as-file',
  }),
  'as-file-no-tmpfs': (names: readonly string[]) => ({
    message: `--as-file ${names.map(quote).join(',')}: no tmpfs to write to, and a disk is no place for a secret`,
    hint: 'give the container one (docker run --tmpfs /dev/shm:mode=1777, or without --ipc none), or set XDG_RUNTIME_DIR',
  }),
  'inherited-not-utf8': (what: string) => ({
    message: `${quote(what)} is not UTF-8 in what the shim was started with`,
    hint: 'it would be damaged on its way through Node: pass it as UTF-8 text, base64 for example',
  }),
  'user-unknown': (spec: string, part: string) => ({
    message: `--user ${quote(spec)}: ${part}`,
    hint: 'give a name from /etc/passwd, or UID:GID in numbers',
  }),
  'user-refused': (spec: string, reason: string) => ({
    message: `--user ${quote(spec)}: the kernel refused the change of user (${reason})`,
    hint: 'keep CAP_SETUID and CAP_SETGID (no docker run --cap-drop ALL without --cap-add), or set DISINTO_USER to nothing (docker run -e DISINTO_USER=): then the command is root',
  }),
  'user-not-root': (spec: string, uid: number) => ({
    message: `--user ${quote(spec)}: only root can become another user, and this is uid ${uid}`,
    hint: `start the container as root (no docker run --user, CAP_SETUID and CAP_SETGID kept), or set DISINTO_USER to nothing (docker run -e DISINTO_USER=): then the command is uid ${uid}, who can read whatever key it is started with`,
  }),
  'command-not-found': (command: string) => ({
    message: `${quote(command)}: command not found`,
    hint: command.includes('/')
      ? 'check the path, and the interpreter in its first line'
      : 'check the spelling and PATH',
    status: NOT_FOUND,
  }),
  'command-not-executable': (command: string, reason: string) => ({
    message: `${quote(command)}: can't be executed (${reason})`,
    hint: 'it must be an executable file for this machine with a #! line if it is a script',
    status: NOT_EXECUTABLE,
  }),
  'interpreter-missing': (command: string) => ({
    message: `${quote(command)}: exists, but the program it needs to run does not`,
    hint: 'check the interpreter in its #! line, and that it was built for this system (libc, architecture)',
    status: NOT_FOUND,
  }),
  'environment-too-large': (command: string) => ({
    message: `${quote(command)}: the arguments and the environment together are too large for the kernel`,
    hint: 'load fewer names with --only, or give the command files',
    status: NOT_EXECUTABLE,
  }),
  'host-option-unknown': (command: string, option: string, near: string | undefined) => ({
    message: `unknown option ${quote(option)}`,
    hint:
      near === undefined
        ? `disinto help${command === '' ? '' : ` ${command}`} lists the options`
        : `did you mean ${near}?`,
    status: USAGE,
  }),
  'host-option-value': (command: string, option: string, wanted: string) => ({
    message: `${option}: needs ${wanted}`,
    hint: `disinto help ${command} shows each option with an example`,
    status: USAGE,
  }),
  'host-words-missing': (command: string, usage: string) => ({
    message: `${command}: something is missing`,
    hint: `usage: disinto ${command} ${usage}`,
    status: USAGE,
  }),
  'host-words-extra': (command: string, usage: string) => ({
    message: `${command}: more words than it takes`,
    hint: `usage: disinto ${command}${usage === '' ? '' : ` ${usage}`}; a value is never an argument, as arguments show in ps`,
    status: USAGE,
  }),
  'host-input': (reason: string) => ({
    message: `standard input can't be read (${reason})`,
    hint: 'pipe the value in: pass show token | disinto secrets add TOKEN',
  }),
  'host-write': (path: string, reason: string) => ({
    message: `${quote(path)}: can't be written (${reason}); what was there is unchanged`,
    hint:
      reason === 'ENOSPC' || reason === 'EDQUOT'
        ? 'the disk is full: make room, then do it again'
        : 'check the owner and mode of the directory, and whether it is mounted read-only',
  }),
  'host-file-exists': (path: string) => ({
    message: `${quote(path)}: exists already, and is unchanged`,
    hint: 'another process may have written it just now, or it is a link to nothing: look at it, then do it again',
  }),
  'host-file-changed': (path: string) => ({
    message: `${quote(path)}: was changed by another process meanwhile, and is left as that wrote it`,
    hint: 'do it again',
  }),
  'host-unasked': (question: string, option: string) => ({
    message: `nobody can be asked here: ${question}`,
    hint: `answer yes in advance with ${option}`,
  }),
  'docker-missing': () => ({
    message: 'the docker program is not on PATH',
    hint: 'install Docker: https://docs.docker.com/engine/install/',
  }),
  'compose-missing': () => ({
    message: 'docker has no compose command',
    hint: 'install its plugin (docker-compose-plugin, or docker-compose in Debian): docker compose version must work',
  }),
  'engine-silent': (reason: string) => ({
    message: `the Docker Engine does not answer: ${reason}`,
    hint: /permission denied/i.test(reason)
      ? 'join the group docker and log in again, or use sudo'
      : 'start it (systemctl start docker, or Docker Desktop), and check DOCKER_HOST and docker context ls',
  }),
  'compose-file-missing': (root: string) => ({
    message: `${quote(root)}: no compose file here`,
    hint: 'disinto init writes a docker-compose.yml; --root names another project',
  }),
  'compose-file-wrong': (path: string, reason: string) => ({
    message: `${quote(path)}: docker compose can't read it: ${reason}`,
    hint: `correct it; docker compose -f ${quote(path)} config --quiet shows whether it is good`,
  }),
  'service-missing': (path: string, service: string, known: readonly string[]) => ({
    message: `${quote(path)}: no service ${quote(service)}`,
    hint: `there are: ${list(known) || 'none'}`,
  }),
  'service-down': (service: string) => ({
    message: `${quote(service)}: no container of this service is running`,
    hint: 'disinto up starts it; disinto logs says why it ended',
  }),
  'stack-down': () => ({ message: 'nothing is up', hint: 'disinto up starts the stack' }),
  'mount-missing': (service: string, source: string, target: string) => ({
    message: `${quote(source)}: does not exist, but ${quote(service)} mounts it at ${quote(target)}: Docker would make a directory of it`,
    hint: 'take that line out of volumes: disinto up adds the mounts of what exists',
  }),
  'shell-no-shim': (service: string) => ({
    message: `${quote(service)}: its image has no entrypoint, so there is nothing that loads the secrets`,
    hint: 'use an image built from Dockerfile.agent, or leave --with-secrets out',
  }),
  'rules-foreign': (path: string, what: string) => ({
    message: `${quote(path)}: the rule for .env.enc can't be changed here: it ${what}`,
    hint: 'add the service key by hand (disinto doctor shows it), then run: sops updatekeys .env.enc',
  }),
  'no-key-place': () => ({
    message: 'nowhere to keep a key: neither HOME nor XDG_CONFIG_HOME is set',
    hint: 'set HOME',
  }),
  'proposal-id': (id: string) => ({
    message: `${quote(id)} is no proposal's ID`,
    hint: 'give the name of a file in vault/approved/ without .json: letters, digits, dots, dashes, underscores',
    status: USAGE,
  }),
  'proposal-missing': (path: string) => ({
    message: `${quote(path)}: does not exist`,
    hint: 'only what was approved is run: check the ID, and that the approval was pulled',
  }),
  'proposal-link': (path: string) => ({
    message: `${quote(path)}: is a link, which is not followed`,
    hint: 'put the proposal itself there, so that what was approved is what is run',
  }),
  'proposal-wrong': (path: string, what: string) => ({
    message: `${quote(path)}: ${what}`,
    hint: 'a proposal is {"type": "publish", "source": "agent-1", "payload": {...}, "secrets": ["CLAWHUB_TOKEN"]}',
  }),
  'proposal-secret-missing': (path: string, names: readonly string[], near: string | undefined) => ({
    message: `${quote(path)}: asks for secrets that are not in secrets/: ${list(names)}`,
    hint: near === undefined ? 'disinto secrets add NAME adds one' : `did it mean ${near}?`,
  }),
  'tmpfs-missing': (looked: readonly string[]) => ({
    message: `no memory file system for the secrets of this run (looked at ${list(looked)})`,
    hint: 'mount one, as nothing is written to a disk: mount -t tmpfs -o size=16m tmpfs /dev/shm',
  }),
  'tmpfs-write': (path: string, reason: string) => ({
    message: `${quote(path)}: can't be written (${reason})`,
    hint:
      reason === 'ENOSPC' || reason === 'EDQUOT'
        ? 'the memory file system is full: df shows it, and what fills it can go'
        : 'check the owner and mode of the directory',
  }),
  'runner-sees': (service: string, what: string) => ({
    message: `${quote(service)}: docker-compose.yml gives it ${what}`,
    hint: 'take that out: vault-run gives it the secrets of the proposal, and it may see nothing else',
  }),
  'run-unrecorded': (path: string, reason: string) => ({
    message: `${quote(path)}: can't be written (${reason}), and no run goes unrecorded`,
    hint: 'check its owner and mode, and those of vault/',
  }),
  'run-unstarted': (service: string, status: string) => ({
    message: `${quote(service)}: docker compose did not start it (exit status ${status})`,
    hint: 'its own words are above; disinto doctor looks for the usual mistakes',
  }),
  'sops-config': (path: string, reason: string) => ({
    message: `${quote(path)}: ${reason}`,
    hint: 'https://getsops.io/docs shows what a .sops.yaml holds; git log -p .sops.yaml shows what it held',
  }),
  'rules-missing': (path: string) => ({
    message: `${quote(path)}: does not exist, so nothing says for whom secrets are`,
    hint: 'disinto secrets keygen makes it, and the operator key if there is none',
  }),
  'env-file-missing': (path: string) => ({
    message: `${quote(path)}: does not exist`,
    hint: 'disinto secrets migrate makes it from .env',
  }),
  'host-file-missing': (path: string) => ({
    message: `${quote(path)}: does not exist`,
    hint: 'check the spelling, and the directory that it is relative to',
  }),
  'rule-none': (config: string, path: string) => ({
    message: `${quote(config)}: no creation rule is for ${quote(path)}`,
    hint: 'add a rule whose path_regex matches it, with the age recipients that may open it',
  }),
  'rule-leaves-clear': (path: string, name: string) => ({
    message: `${quote(path)}: the value of ${quote(name)} would be left unencrypted`,
    hint: 'a name that ends with _unencrypted, or a rule in .sops.yaml (encrypted_regex and the like), asks for that: rename it, or change the rule',
  }),
  'sops-needed': (path: string, reason: string) => ({
    message: `${quote(path)}: needs the sops program, which is not on PATH (${reason})`,
    hint: 'install sops: https://github.com/getsops/sops',
  }),
  'sops-encrypt': (path: string, text: string) => ({
    message: `${quote(path)}: sops did not encrypt it: ${text}`,
    hint: 'check the rule for it in .sops.yaml, and the access to its keys',
  }),
  'host-verify': (path: string) => ({
    message: `${quote(path)}: what was written does not open to what was meant; the old state is unchanged`,
    hint: 'this is a bug in disinto or in the sops program: please report it',
  }),
  'host-not-ours': (path: string) => ({
    message: `${quote(path)}: would be encrypted to others alone, and nothing here could test it; the old state is unchanged`,
    hint: 'have a key at hand that its rule in .sops.yaml names: disinto secrets recipients list',
  }),
  'host-no-home': () => ({
    message: 'no place for the operator key: HOME is not set',
    hint: 'set HOME, or SOPS_AGE_KEY_FILE to the file',
  }),
  'host-key-place': (place: string, reason: string) => ({
    message: `${quote(place)}: can't be used as a key (${reason})`,
    hint: 'restore it from its backup; a new key would not open what there is',
  }),
  'secret-missing': (name: string, near: string | undefined) => ({
    message: `no secret ${quote(name)}`,
    hint: near === undefined ? 'disinto secrets list shows what there is' : `did you mean ${near}?`,
  }),
  'secret-in-env-file': (name: string) => ({
    message: `${quote(name)} is in .env.enc, not in a file of its own`,
    hint: 'disinto secrets edit .env.enc changes it there',
  }),
  'value-empty': (name: string) => ({
    message: `the value of ${quote(name)} is empty`,
    hint: 'check what wrote to the pipe: an empty secret is refused',
  }),
  'migrate-differs': (path: string, names: readonly string[]) => ({
    message: `${quote(path)}: exists already, and differs in ${list(names)}`,
    hint: 'see which is right (disinto secrets show NAME), make both the same, and do it again',
  }),
  'migrate-link': (path: string) => ({
    message: `${quote(path)}: is a link; removing it would leave the plaintext where it points`,
    hint: 'move the file itself here, then do it again',
  }),
  'age-left': (path: string) => ({
    message: `${quote(path)}: is an age file, which knows no recipients`,
    hint: 'disinto secrets migrate makes a SOPS file of it',
  }),
  'editor-missing': (editor: string) => ({
    message: `the editor ${quote(editor)} can't be started`,
    hint: 'set EDITOR to one that is on PATH, for example EDITOR=nano',
  }),
  'editor-failed': (editor: string) => ({
    message: `the editor ${quote(editor)} ended with an error; nothing was changed`,
    hint: 'an editor that returns at once needs an option to wait, for example EDITOR="code --wait"',
  }),
  'edit-format': (path: string, format: string) => ({
    message: `${quote(path)}: is ${format}, which is not edited here`,
    hint: `use sops: sops edit ${quote(path)}`,
  }),
  'edit-line': (path: string, line: number, reason: string) => ({
    message: `${quote(path)}: line ${line}: ${reason}`,
    hint: 'one NAME=value a line; a value of several lines goes to a file of its own: disinto secrets add NAME --from-file FILE',
  }),
  'edit-no-tmpfs': () => ({
    message: 'no tmpfs at hand (/dev/shm, /run/user): the plaintext would be on disk while you edit',
    hint: 'nothing was changed; --on-disk does it all the same',
  }),
  'recipient-bad': () => ({
    message: 'what was given is no age recipient',
    hint: 'age1…, as age-keygen -y prints it; an identity (AGE-SECRET-KEY-…) is never an argument',
    status: USAGE,
  }),
  'recipient-absent': (recipient: string, config: string) => ({
    message: `${quote(recipient)}: in no rule of ${quote(config)}`,
    hint: 'disinto secrets recipients list shows who can open what',
  }),
  'recipient-present': (recipient: string, config: string) => ({
    message: `${quote(recipient)}: already in every rule of ${quote(config)} that it was to be added to`,
    hint: 'disinto secrets recipients list shows who can open what',
  }),
  'recipient-last': (recipient: string, where: string) => ({
    message: `${quote(recipient)}: is the only recipient of ${where}: nobody could open it any more`,
    hint: 'add another first: disinto secrets recipients add RECIPIENT',
  }),
  'key-not-ours': (config: string) => ({
    message: `${quote(config)}: names no key of ours, so there is none to replace`,
    hint: 'disinto secrets recipients list shows who can open what',
  }),
  'verify-failed': (count: number) => ({
    message: `${count} of the files can't be opened`,
    hint: 'each is named above, with what to do',
  }),
  'interrupted-nothing': () => ({
    message: 'nothing was changed',
    hint: 'do it again when you are ready',
  }),
  internal: (what: string) => ({
    message: `unexpected ${what}`,
    hint: 'this is a bug in disinto: please report it with the command line you used',
  }),
} satisfies Record<string, (...facts: never[]) => Fault>

export type ErrorCode = keyof typeof catalogue

/** Every failure that disinto knows: a stable code, what happened to which file, and what to do. */
export class DisintoError extends Error {
  override readonly name = 'DisintoError'
  readonly code: ErrorCode
  readonly hint: string
  readonly status: number

  constructor(code: ErrorCode, fault: Fault) {
    super(fault.message)
    this.code = code
    this.hint = fault.hint
    this.status = fault.status ?? SHIM_FAILED
  }
}

/** Makes the error for a code from the facts its message needs. */
export function failure<Code extends ErrorCode>(
  code: Code,
  ...facts: Parameters<(typeof catalogue)[Code]>
): DisintoError {
  const compose = catalogue[code] as (...facts: Parameters<(typeof catalogue)[Code]>) => Fault
  return new DisintoError(code, compose(...facts))
}

/** What was thrown, as our error: a stranger's message may hold a value, so only its type is kept. */
export function asDisintoError(thrown: unknown): DisintoError {
  if (thrown instanceof DisintoError) return thrown
  const code = thrown instanceof Error && 'code' in thrown ? ` (${String(thrown.code)})` : ''
  return failure('internal', `${thrown instanceof Error ? thrown.name : typeof thrown}${code}`)
}

/** The errno name of a system error, "EACCES" for example. */
export function errnoOf(thrown: unknown): string {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string'
    ? thrown.code
    : 'unknown error'
}

export const errorCodes = Object.keys(catalogue) as ErrorCode[]
