/** What the host command says that the shim does not, by the rules of catalogue.ts. */
import { type Catalogue, CORE_CATALOGUE, type Texts } from '../catalogue.ts'
import { asFailure, composerOf } from '../errors.ts'
import { list, quote } from '../quote.ts'

/** A format as sops calls it: by its own name it would take every .enc file for a binary one. */
const type = (format: string) => `${format}`.replace('sops-', '')

export const HOST_CATALOGUE = {
  'subcommand-unknown': ({
    word,
    near,
    group = '',
  }: Texts<'word'> & { readonly near: string | undefined; readonly group?: string | undefined }) => ({
    message: `no command ${quote(word)}`,
    hint:
      near === undefined
        ? `disinto help${group === '' ? '' : ` ${group}`} lists the commands`
        : `did you mean disinto ${near}?`,
  }),
  'option-unknown': ({
    command,
    option,
    near,
  }: Texts<'command' | 'option'> & { readonly near: string | undefined }) => ({
    message: `unknown option ${quote(option)}`,
    hint:
      near === undefined
        ? `disinto help${command === '' ? '' : ` ${command}`} lists the options`
        : `did you mean ${near}?`,
  }),
  'option-value': ({ command, option, wanted }: Texts<'command' | 'option' | 'wanted'>) => ({
    message: `${option}: needs ${wanted}`,
    hint: `disinto help ${command} shows each option with an example`,
  }),
  'due-unreadable': ({ path, problem }: Texts<'path' | 'problem'>) => ({
    message: `${quote(path)}: ${problem}`,
    hint: 'it must be an object of names and dates, {"TOKEN": "2027-01-31"}: correct it, or remove it',
  }),
  'words-missing': ({ command, usage }: Texts<'command' | 'usage'>) => ({
    message: `${command}: an argument is missing`,
    hint: `usage: disinto ${command} ${usage}`,
  }),
  'words-extra': ({ command, usage }: Texts<'command' | 'usage'>) => ({
    message: `${command}: too many arguments`,
    hint: `usage: disinto ${command}${usage === '' ? '' : ` ${usage}`}; a value is never an argument, as arguments show in ps`,
  }),
  'input-failed': ({ reason }: Texts<'reason'>) => ({
    message: `standard input can't be read (${reason})`,
    hint: 'pipe the value in: pass show token | disinto secrets add TOKEN',
  }),
  'write-failed': ({ path, reason }: Texts<'path' | 'reason'>) => ({
    message: `${quote(path)}: can't be written (${reason}); what was there is unchanged`,
    hint:
      reason === 'ENOSPC' || reason === 'EDQUOT'
        ? 'the disk is full: free some space, then try again'
        : 'check the owner and mode of the directory, and whether it is mounted read-only',
  }),
  'file-exists': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: already exists, and was left unchanged`,
    hint: 'another process may have written it just now, or it is a link to nothing: look at it, then try again',
  }),
  'file-changed': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: was changed by another process in the meantime, and was left as that process wrote it`,
    hint: 'try again',
  }),
  unasked: ({ question, option }: Texts<'question' | 'option'>) => ({
    message: `there is no terminal to ask at: ${question}`,
    hint: `without a terminal, use ${option}`,
  }),
  'docker-missing': () => ({
    message: 'the docker program is not on PATH',
    hint: 'install Docker: https://docs.docker.com/engine/install/',
  }),
  'compose-missing': () => ({
    message: 'docker has no compose command',
    hint: 'install its plugin (docker-compose-plugin, or docker-compose in Debian): docker compose version must work',
  }),
  'engine-silent': ({ reason }: Texts<'reason'>) => ({
    message: `the Docker Engine does not answer: ${reason}`,
    hint: /permission denied/i.test(reason)
      ? 'join the group docker and log in again, or use sudo'
      : 'start it (systemctl start docker, or Docker Desktop), and check DOCKER_HOST and docker context ls',
  }),
  'compose-file-missing': ({ root }: Texts<'root'>) => ({
    message: `${quote(root)}: no compose file here`,
    hint: 'disinto init writes a docker-compose.yml; --root names another project',
  }),
  'compose-file-wrong': ({ path, reason }: Texts<'path' | 'reason'>) => ({
    message: `${quote(path)}: docker compose can't read it: ${reason}`,
    hint: `correct it; docker compose -f ${quote(path)} config --quiet checks it`,
  }),
  'compose-value-wrong': ({ path, names }: Texts<'path'> & { readonly names: readonly string[] }) => ({
    message: `${quote(path)}: docker compose can't read it with the values of ${list(names) || 'its variables'}`,
    hint: 'each must suit its place in the file: a port, a number, a path',
  }),
  'compose-variable-missing': ({ path, names }: Texts<'path'> & { readonly names: readonly string[] }) => ({
    message: `${quote(path)}: refers to ${list(names)}, which must be set and is not`,
    hint: 'set it in .env or .env.enc, or in the environment: NAME=value disinto up',
  }),
  'project-unclear': ({ root, names }: Texts<'root'> & { readonly names: readonly string[] }) => ({
    message: `${quote(root)}: containers of several projects were started from here: ${list(names)}`,
    hint: `choose one: COMPOSE_PROJECT_NAME=${names[0] ?? 'NAME'} disinto down`,
  }),
  'service-missing': ({
    path,
    service,
    known,
  }: Texts<'path' | 'service'> & { readonly known: readonly string[] }) => ({
    message: `${quote(path)}: no service ${quote(service)}`,
    hint: `the services are: ${list(known) || 'none'}`,
  }),
  'service-down': ({ service }: Texts<'service'>) => ({
    message: `${quote(service)}: no container of this service is running`,
    hint: 'disinto up starts it; disinto logs says why it ended',
  }),
  'stack-down': () => ({ message: 'nothing is running', hint: 'disinto up starts the stack' }),
  'mount-missing': ({ service, source, target }: Texts<'service' | 'source' | 'target'>) => ({
    message: `${quote(source)}: does not exist, but ${quote(service)} mounts it at ${quote(target)}: Docker would make a directory there`,
    hint: 'remove that line from volumes: disinto up mounts what exists',
  }),
  'shell-no-shim': ({ service }: Texts<'service'>) => ({
    message: `${quote(service)}: its container was not started by the shim, so nothing loads the secrets`,
    hint: 'use an image with the shim and leave its entrypoint as it is, or leave out --with-secrets',
  }),
  'rules-foreign': ({ path, what }: Texts<'path' | 'what'>) => ({
    message: `${quote(path)}: the rule for .env.enc can't be changed here: it ${what}`,
    hint: 'add the service key yourself (disinto doctor shows it), then run: sops updatekeys --input-type dotenv .env.enc',
  }),
  'no-key-place': () => ({
    message: 'nowhere to keep a key: neither HOME nor XDG_CONFIG_HOME is set',
    hint: 'set HOME',
  }),
  'proposal-id': ({ id }: Texts<'id'>) => ({
    message: `${quote(id)} is not the ID of a proposal`,
    hint: 'use the name of a file in vault/approved/ without .json: letters, digits, dots, dashes, underscores',
  }),
  'proposal-missing': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: does not exist`,
    hint: 'only approved proposals are run: check the ID, and that you have pulled the approval',
  }),
  'proposal-link': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: is a link, and links are not followed`,
    hint: 'put the proposal itself there, so that what was approved is what is run',
  }),
  'proposal-wrong': ({ path, what }: Texts<'path' | 'what'>) => ({
    message: `${quote(path)}: ${what}`,
    hint: 'a proposal is {"type": "publish", "source": "agent-1", "payload": {...}, "secrets": ["CLAWHUB_TOKEN"]}',
  }),
  'proposal-secret-missing': ({
    path,
    names,
    near,
  }: Texts<'path'> & { readonly names: readonly string[]; readonly near: string | undefined }) => ({
    message: `${quote(path)}: asks for secrets that are not in secrets/: ${list(names)}`,
    hint: near === undefined ? 'disinto secrets add NAME adds one' : `did it mean ${near}?`,
  }),
  'approval-missing': ({ path, id }: Texts<'path' | 'id'>) => ({
    message: `${quote(path)}: is not approved: nobody has signed it`,
    hint: `someone who may approve it must run: disinto approve ${quote(id)}`,
  }),
  'approval-wrong': ({ path, signers }: Texts<'path' | 'signers'>) => ({
    message: `${quote(path)}: has no approval in its present form by anyone listed in ${quote(signers)}`,
    hint: 'it was changed after it was signed, or signed by another key or for another purpose: look at it, and approve it again',
  }),
  'approval-expired': ({ path, when }: Texts<'path' | 'when'>) => ({
    message: `${quote(path)}: its approval has expired (${quote(when)})`,
    hint: 'look at it again, and approve it again: disinto approve ID --expires 2h',
  }),
  'approval-used': ({ path, when }: Texts<'path' | 'when'>) => ({
    message: `${quote(path)}: has already run (${quote(when)}), and an approval is good for one run`,
    hint: 'for another run, approve a proposal with another ID; vault/runs.jsonl records what happened to this one',
  }),
  'approval-command': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: a different command was approved`,
    hint: 'leave out the command, and the approved one runs; disinto approve --list shows it',
  }),
  'approval-command-unsigned': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: names a command, and nobody has signed it`,
    hint: 'pass the same command to vault-run after --, or keep a file that lists who may approve: disinto help approve',
  }),
  'approval-foreign': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: contains an approval that disinto did not write at the end of the file`,
    hint: 'remove that from the file, then approve it again',
  }),
  'claim-unwritten': ({ path, reason }: Texts<'path' | 'reason'>) => ({
    message: `${quote(path)}: can't be written (${reason}), so nothing would keep the approval from being used twice`,
    hint: 'check its owner and mode, and those of its directory',
  }),
  'signers-unusable': ({ path, reason }: Texts<'path' | 'reason'>) => ({
    message: `${quote(path)}: can't tell who may approve (${reason})`,
    hint: 'it must list public keys, one a line, as in ssh-keygen(1), ALLOWED SIGNERS, and only you may be able to write to it',
  }),
  'signers-elsewhere': ({ path, usual }: Texts<'path' | 'usual'>) => ({
    message: `${quote(path)}: lists who may approve for a project of this name in another directory, and here nothing would be checked`,
    hint: `to use it here, too: --allowed-signers ${quote(path)}, or a copy at ${quote(usual)}; with an empty file there, nobody can approve`,
  }),
  'ssh-keygen-missing': () => ({
    message: 'the ssh-keygen program is not on PATH',
    hint: 'install the OpenSSH client, version 8.9 or later',
  }),
  'signing-key-missing': ({ path }: { readonly path: string | undefined }) => ({
    message:
      path === undefined
        ? 'no key to sign with'
        : `${quote(path)}: no key to sign with: there is no such file`,
    hint: 'name an OpenSSH key, --signing-key ~/.ssh/id_ed25519, or set it for git: git config --global user.signingkey FILE',
  }),
  'signing-failed': ({ reason }: Texts<'reason'>) => ({
    message: `ssh-keygen did not sign: ${reason}`,
    hint: 'check the passphrase, or that the agent has the key: ssh-add -L',
  }),
  'tmpfs-missing': ({ looked }: { readonly looked: readonly string[] }) => ({
    message: `no tmpfs for the secrets of this run (looked at ${list(looked)})`,
    hint: 'secrets are not written to a disk, so mount one: mount -t tmpfs -o size=16m tmpfs /dev/shm',
  }),
  'tmpfs-write': ({ path, reason }: Texts<'path' | 'reason'>) => ({
    message: `${quote(path)}: can't be written (${reason})`,
    hint:
      reason === 'ENOSPC' || reason === 'EDQUOT'
        ? 'the tmpfs is full (see df): remove what fills it'
        : 'check the owner and mode of the directory',
  }),
  'init-proxy': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: is there already, and a service for the proxy was not written into it`,
    hint: 'take it from docs/proxy.md, or run disinto init --with-proxy in an empty directory and compare',
  }),
  'runner-sees': ({
    service,
    what,
    allow,
  }: Texts<'service' | 'what'> & { readonly allow?: string | undefined }) => ({
    message: `${quote(service)}: in docker-compose.yml it has ${what}`,
    hint:
      allow === undefined
        ? 'remove that: vault-run provides the secrets of the proposal, and it must not see anything else'
        : `remove that, or allow it by name: ${allow}`,
  }),
  'runner-variable': ({ service, name }: Texts<'service' | 'name'>) => ({
    message: `${quote(service)}: the value of ${quote(name)} (environment:) has several lines`,
    hint: 'write it on one line, or put it in a file in the image',
  }),
  'runner-engine': ({ service, what }: Texts<'service' | 'what'>) => ({
    message: `${quote(service)}: on this engine its container would have ${what}; it was not started`,
    hint: 'check the defaults of the engine (daemon.json), its plugins, and volumes that somebody created',
  }),
  'engine-in-the-clear': ({ host }: Texts<'host'>) => ({
    message: `${quote(host)}: the engine is on another machine, and anyone in between could read what is sent to it`,
    hint: 'use ssh, DOCKER_HOST=ssh://you@host, or TLS: DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH',
  }),
  'runner-image-missing': ({ service, image }: Texts<'service' | 'image'>) => ({
    message: `${quote(service)}: the engine does not have its image ${quote(image)}, and vault-run neither builds nor pulls one`,
    hint: `look at what the compose file would build or pull, then: docker compose --profile '*' build ${service}, or pull`,
  }),
  'run-uncreated': ({ service, reason }: Texts<'service' | 'reason'>) => ({
    message: `${quote(service)}: the engine did not create its container: ${reason}`,
    hint: 'disinto doctor looks for the usual mistakes; disinto up --build builds the images of the stack',
  }),
  'lock-place': ({ places }: { readonly places: readonly string[] }) => ({
    message: `no private directory for a lock: ${list(places)}`,
    hint: 'set HOME to a directory that you can write to, and make the first of these private: chmod 0700',
  }),
  'proposal-twice': ({ path, other }: Texts<'path' | 'other'>) => ({
    message: `${quote(path)}: ${quote(other)} has the same ID`,
    hint: 'remove the one that was not approved',
  }),
  'run-unrecorded': ({ path, reason }: Texts<'path' | 'reason'>) => ({
    message: `${quote(path)}: can't be written (${reason}), and every run must be recorded`,
    hint: 'check its owner and mode, and those of vault/',
  }),
  'run-unstarted': ({ service, reason }: Texts<'service' | 'reason'>) => ({
    message: `${quote(service)}: its container did not start: ${reason}`,
    hint: 'disinto doctor looks for the usual mistakes',
  }),
  'sops-config': ({ path, reason }: Texts<'path' | 'reason'>) => ({
    message: `${quote(path)}: ${reason}`,
    hint: 'https://getsops.io/docs shows what a .sops.yaml holds; git log -p .sops.yaml shows what it held',
  }),
  'rules-missing': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: does not exist, so nothing says who may open secrets`,
    hint: 'disinto secrets keygen makes it, and the operator key if there is none',
  }),
  'env-file-missing': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: does not exist`,
    hint: 'disinto secrets migrate makes it from .env',
  }),
  'file-missing': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: does not exist`,
    hint: 'check the spelling, and the directory that it is relative to',
  }),
  'rule-none': ({ config, path }: Texts<'config' | 'path'>) => ({
    message: `${quote(config)}: no creation rule matches ${quote(path)}`,
    hint: 'add a rule whose path_regex matches it, with the age recipients that may open it',
  }),
  'rule-leaves-clear': ({ path, name }: Texts<'path' | 'name'>) => ({
    message: `${quote(path)}: the value of ${quote(name)} would be left unencrypted`,
    hint: 'a name that ends with _unencrypted, or a rule in .sops.yaml (encrypted_regex and the like), asks for that: rename it, or change the rule',
  }),
  'file-leaves-clear': ({ path, name, rule }: Texts<'path' | 'name' | 'rule'>) => ({
    message: `${quote(path)}: the value of ${quote(name)} would be left unencrypted by the file’s own ${rule}, which .sops.yaml does not have`,
    hint: 'encrypt the file by .sops.yaml, which may name other recipients: disinto secrets show .env.enc > .env, rm .env.enc, then: disinto secrets migrate',
  }),
  'sops-needed': ({ path, reason }: Texts<'path' | 'reason'>) => ({
    message: `${quote(path)}: needs the sops program, which is not on PATH (${reason})`,
    hint: 'install sops: https://github.com/getsops/sops',
  }),
  'sops-encrypt': ({ path, text }: Texts<'path' | 'text'>) => ({
    message: `${quote(path)}: sops did not encrypt it: ${text}`,
    hint: 'check the rule for it in .sops.yaml, and the access to its keys',
  }),
  'written-differs': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: the new file does not decrypt to what was meant; the old state is unchanged`,
    hint: 'this is a bug in disinto or in the sops program: please report it',
  }),
  'written-for-others': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: would be encrypted only to other people, so it could not be tested here; the old state is unchanged`,
    hint: 'use a key that its rule in .sops.yaml names: disinto secrets recipients list',
  }),
  'home-missing': () => ({
    message: 'no place for the operator key: HOME is not set',
    hint: 'set HOME, or SOPS_AGE_KEY_FILE to the file',
  }),
  'key-by-sudo': ({ user }: Texts<'user'>) => ({
    message: `no key here, and none is made under sudo: the key should belong to ${quote(user)}, not to root`,
    hint: `run it as ${user} without sudo (the docker group can use the engine), or name the key: sudo SOPS_AGE_KEY_FILE=FILE disinto …; for a key of root’s own: sudo env -u SUDO_USER disinto secrets keygen`,
  }),
  'key-foreign': ({ what }: Texts<'what'>) => ({
    message: `there is an operator key, but it is ${what}, and nothing here can read its public half`,
    hint: 'put its public half in .sops.yaml yourself (age-keygen -y asks for the passphrase, age-plugin-… -l lists it): encrypting then needs no key, and sops opens the files',
  }),
  'keys-elsewhere': ({ path, old, config }: Texts<'path' | 'old' | 'config'>) => ({
    message: `${quote(path)}: holds the keys of the project that was at ${quote(old)} and is gone, which ${quote(config)} names`,
    hint: `if this is that project: disinto secrets keygen --moved-from ${quote(old)}; if not, its .sops.yaml would have the other's keys used here: take them out of it`,
  }),
  'keys-not-from': ({ path, from }: Texts<'path' | 'from'>) => ({
    message: `${quote(path)}: is where the keys of this project belong, and those of ${quote(from)} are not there`,
    hint: 'say where the project was before, as an absolute path; if its .sops.yaml names no key that is here, there is nothing to take along',
  }),
  'key-unusable': ({ place, reason }: Texts<'place' | 'reason'>) => ({
    message: `${quote(place)}: can't be used as a key (${reason})`,
    hint: 'restore it from its backup; a new key would not open the existing files',
  }),
  'secret-missing': ({ name, near }: Texts<'name'> & { readonly near: string | undefined }) => ({
    message: `no secret ${quote(name)}`,
    hint: near === undefined ? 'disinto secrets list shows what there is' : `did you mean ${near}?`,
  }),
  'secret-in-env-file': ({ name }: Texts<'name'>) => ({
    message: `${quote(name)} is in .env.enc, not in a file of its own`,
    hint: `disinto secrets set ${name} changes it there, and disinto secrets edit .env.enc all of them`,
  }),
  'word-no-name': ({ command }: Texts<'command'>) => ({
    message: `${command}: NAME must be a variable name, and this is not one`,
    hint: 'names match [A-Za-z_][A-Za-z0-9_]*; a value is never an argument: disinto secrets add NAME asks for it',
  }),
  'value-argument': ({ name }: Texts<'name'>) => ({
    message:
      'expected NAME, not NAME=VALUE: a value is never an argument, as arguments show in ps and in the shell history',
    hint: `remove it from the history, then run: disinto secrets add ${name}`,
  }),
  'value-several-lines': ({ name }: Texts<'name'>) => ({
    message: `the value of ${quote(name)} had several lines, and a prompt takes one; nothing was stored`,
    hint: `store all of them from a file or a pipe: disinto secrets add ${name} --from-file FILE`,
  }),
  'name-kept': ({ name }: Texts<'name'>) => ({
    message: `${quote(name)}: SOPS reserves this name, and no SOPS file can hold a value under it`,
    hint: 'choose another name',
  }),
  'secret-link': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: is a link, and a secret is never written through one`,
    hint: `see where it points (ls -l ${quote(path)}), remove the link, then try again`,
  }),
  'value-empty': ({ name }: Texts<'name'>) => ({
    message: `the value of ${quote(name)} is empty`,
    hint: 'check what wrote to the pipe: an empty secret is refused',
  }),
  'migrate-differs': ({ path, names }: Texts<'path'> & { readonly names: readonly string[] }) => ({
    message: `${quote(path)}: already exists, and differs in ${list(names)}`,
    hint: 'see which is right (disinto secrets show NAME), make both the same, and try again',
  }),
  'rule-lacking': ({
    config,
    paths,
    pattern,
    recipient,
  }: Texts<'config' | 'pattern' | 'recipient'> & { readonly paths: readonly string[] }) => ({
    message: `${quote(config)}: no creation rule matches ${list(paths)}; nothing was changed`,
    hint: `disinto secrets migrate --add-rule adds one for you alone, or add it yourself: path_regex: '${pattern}', age: ${recipient}`,
  }),
  'migrate-before': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: is in use in plaintext, and a .env.enc beside it would be used instead`,
    hint: 'run disinto secrets migrate first',
  }),
  'value-unholdable': ({ name }: Texts<'name'>) => ({
    message: `no line of SOPS dotenv can hold the value of ${quote(name)}; nothing was changed`,
    hint: 'a file of its own holds any value: disinto secrets add NAME',
  }),
  'import-empty': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: sets nothing`,
    hint: 'it should have lines of NAME=value',
  }),
  'migrate-named': ({
    path,
    file,
    services,
  }: Texts<'path' | 'file'> & { readonly services: readonly string[] }) => ({
    message: `${quote(path)}: env_file: in ${quote(file)} names it, for ${list(services)}: without the file, docker compose would not even stop them`,
    hint: 'docs/migrating.md, "From docker compose’s env_file": remove that line (disinto up mounts .env.enc), then try again',
  }),
  'migrate-dotenvx': ({ path, names }: Texts<'path'> & { readonly names: readonly string[] }) => ({
    message: `${quote(path)}: has dotenvx ciphertext in place of values: ${list(names)}`,
    hint: 'docs/migrating.md, "From dotenvx": dotenvx decrypt, then try again',
  }),
  'migrate-homeless': ({
    path,
    names,
    apart,
  }: Texts<'path'> & { readonly names: readonly string[]; readonly apart: readonly string[] }) => ({
    message: `${quote(path)}: no line of SOPS dotenv holds ${list(apart)}, and SOPS JSON can’t refer to HOME, as ${list(names)} does`,
    hint: `write the path in place of HOME, or move ${list(apart)} to a file of its own (disinto secrets add NAME --from-file FILE), then try again`,
  }),
  'link-out': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: is behind a link that leads out of the directory`,
    hint: `see where it leads (realpath ${quote(path)}), and put a file in place of the link`,
  }),
  'rules-writable': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: other users can change it, and so decide who may open what is written`,
    hint: `chmod go-w ${quote(path)}, and chown it if it belongs to another user`,
  }),
  'init-link': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: is a link, which init neither reads nor writes through`,
    hint: `see where it points (ls -l ${quote(path)}), put a file in its place, then try again`,
  }),
  'migrate-link': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: is a link; removing it would leave the plaintext where it points`,
    hint: 'move the file itself here, then try again',
  }),
  'age-left': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: is an age file, which does not say who can open it`,
    hint: 'disinto secrets migrate converts it to a SOPS file',
  }),
  'editor-missing': ({ editor }: Texts<'editor'>) => ({
    message: `the editor ${quote(editor)} can't be started`,
    hint: 'set EDITOR to one that is on PATH, for example EDITOR=nano',
  }),
  'editor-failed': ({ editor }: Texts<'editor'>) => ({
    message: `the editor ${quote(editor)} ended with an error; nothing was changed`,
    hint: 'an editor that returns at once needs an option to wait, for example EDITOR="code --wait"',
  }),
  'edit-format': ({ path, format }: Texts<'path' | 'format'>) => ({
    message: `${quote(path)}: is ${format}, which disinto does not edit`,
    hint: `use sops: sops edit --input-type ${type(format)} --output-type ${type(format)} ${quote(path)}`,
  }),
  'edit-line': ({ path, line, reason }: Texts<'path' | 'reason'> & { readonly line: number }) => ({
    message: `${quote(path)}: line ${line}: ${reason}`,
    hint: 'one NAME=value a line, with a value of several lines in double quotes; what can’t be written like that needs a file of its own: disinto secrets add NAME --from-file FILE',
  }),
  'edit-no-tmpfs': () => ({
    message: 'no tmpfs at hand (/dev/shm, /run/user): the plaintext would be on disk while you edit',
    hint: 'nothing was changed; use --on-disk to edit all the same',
  }),
  'service-name': ({ service }: Texts<'service'>) => ({
    message: `${quote(service)}: can't be the name of a service with a key, as it would be part of a path`,
    hint: 'rename the service: letters, digits, dots, dashes and underscores, and no dot first',
  }),
  'rules-uneditable': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: could not be edited to say exactly what was wanted; nothing was changed`,
    hint: 'write the keys of the rule out, without anchors and merges, then try again',
  }),
  'recipient-groups': ({ path, groups }: Texts<'path'> & { readonly groups: number }) => ({
    message: `${quote(path)}: its rule needs keys from ${groups} groups; in more than one, this key would be enough for all of them`,
    hint: 'name the group: --group 1, for example; disinto secrets recipients list shows them',
  }),
  'recipient-unaccepted': ({
    config,
    recipients,
    files,
  }: Texts<'config'> & { readonly recipients: readonly string[]; readonly files: readonly string[] }) => ({
    message: `${quote(config)}: names ${list(recipients)} for ${list(files)}, which nobody has accepted on this machine`,
    hint: 'find out who owns it, then run: disinto secrets recipients accept',
  }),
  'rules-gone': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: is gone, and its rules were accepted on this machine`,
    hint: 'git checkout -- .sops.yaml brings it back; if it is to be made anew: disinto secrets keygen',
  }),
  'rule-loosened': ({ config, files }: Texts<'config'> & { readonly files: readonly string[] }) => ({
    message: `${quote(config)}: needs fewer keys together for ${list(files)} than was accepted on this machine`,
    hint: 'find out why (git log -p .sops.yaml), then run: disinto secrets recipients accept',
  }),
  'readers-none': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: the rules in force name nobody who can open it`,
    hint: 'disinto secrets recipients list shows both; add a key to the rules: disinto secrets recipients add RECIPIENT',
  }),
  'readers-unaddable': ({ path, reason }: Texts<'path' | 'reason'>) => ({
    message: `${quote(path)}: can't be encrypted to one more key here (${reason}); nothing was changed`,
    hint: `try again with an age key that opens it; or name the key in .sops.yaml and run: sops updatekeys --input-type TYPE ${quote(path)} (dotenv, json or yaml, as it is)`,
  }),
  'key-types-unasked': ({
    path,
    types,
    allowed,
  }: Texts<'path'> & { readonly types: readonly string[]; readonly allowed: readonly string[] }) => ({
    message: `${quote(path)}: names keys of ${list(types)}, which sops would use to encrypt it again, and which are not allowed`,
    hint: `if they are yours, set DISINTO_KEY_TYPES=${[...new Set([...allowed, ...types])].join(',')}, and VAULT_ADDR for a Vault; if not, see who added them: git log -p ${quote(path)}`,
  }),
  'readers-unchecked': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: would not be encrypted to exactly the intended recipients; nothing was changed`,
    hint: 'this is a bug in disinto or in the sops program: please report it',
  }),
  'reader-unproved': ({ path, service }: Texts<'path' | 'service'>) => ({
    message: `${quote(path)}: names the key of ${quote(service)}, which does not open it: somebody without a key wrote that; nothing was changed`,
    hint: `it may be a copy of a file with fewer recipients: see git log -p -- ${quote(path)}, and restore it (git checkout COMMIT -- ${quote(path)})`,
  }),
  'merge-readers': ({ path, reader }: Texts<'path' | 'reader'>) => ({
    message: `${quote(path)}: not merged: only one of the two versions is encrypted to ${quote(reader)}, which would be shown the values of the other`,
    hint: `see where it comes from (git log -p -- ${quote(path)}); take one side whole, then set what is missing: disinto secrets set NAME, or add NAME`,
  }),
  'readers-widen': ({
    path,
    reader,
    names,
  }: Texts<'path' | 'reader'> & { readonly names: readonly string[] }) => ({
    message: `${quote(path)}: ${quote(reader)} would be able to open ${list(names)}, which looks like a copy from secrets/`,
    hint: 'if it is one, restore .env.enc from git; if it is not, say so at a terminal: disinto up asks',
  }),
  'readers-gone': ({
    path,
    reader,
    names,
  }: Texts<'path' | 'reader'> & { readonly names: readonly string[] }) => ({
    message: `${quote(path)}: was encrypted to ${quote(reader)} and is not any more, and ${names.length === 0 ? 'does not say its names' : `holds ${list(names)}, which ${quote(reader)} never had`}: another file may have been put in its place`,
    hint: `if so, restore it (git log -p -- ${quote(path)}); if you made it anew: disinto secrets grant ${quote(reader)} .env.enc`,
  }),
  'grant-groups': ({ path, secret }: Texts<'path' | 'secret'>) => ({
    message: `${quote(path)}: its rule for ${quote(secret)} needs keys from several groups: a service’s key alone would not open it`,
    hint: 'write a rule without groups for this file before it, with your own key, then try again',
  }),
  'grant-inside': ({ name }: Texts<'name'>) => ({
    message: `${quote(name)}: is in .env.enc, and only whole files can be granted`,
    hint: `put it in a file of its own: disinto secrets show ${name} --raw | disinto secrets add ${name} --raw; or grant .env.enc`,
  }),
  'grant-nameless': ({ path, name }: Texts<'path' | 'name'>) => ({
    message: `${quote(path)}: does not say which secret it holds, so it may be a copy of another`,
    hint: `make a file that does: disinto secrets show ${name} --raw | disinto secrets add ${name} --raw --force`,
  }),
  'grant-other-service': ({ name, service }: Texts<'name' | 'service'>) => ({
    message: `${quote(name)}: is a value for a service other than ${quote(service)}`,
    hint: `a value for this one: disinto secrets add NAME --for ${service}`,
  }),
  'grant-missing': ({ service, name }: Texts<'service' | 'name'>) => ({
    message: `${quote(service)}: was not granted ${quote(name)}, and can't open it`,
    hint: 'disinto secrets grants lists who was granted what',
  }),
  'grant-keyless': ({ service, path }: Texts<'service' | 'path'>) => ({
    message: `${quote(service)}: has no key here (${quote(path)}), so what it was granted is unknown`,
    hint: 'disinto secrets recipients list shows all keys; remove one: disinto secrets recipients rm RECIPIENT',
  }),
  'grant-agents-env': () => ({
    message: '.env.enc is what the service "agents" works with: disinto up encrypts it to its key',
    hint: 'move what it must not have to a file of its own: disinto secrets add NAME, then disinto secrets rm NAME',
  }),
  'files-wrong': ({ service, where }: Texts<'service' | 'where'>) => ({
    message: `${quote(service)}: x-disinto: secrets: can't be read at ${quote(where)}`,
    hint: 'secrets: {db_password: DB_PASSWORD}, or for each file {source: DB_PASSWORD, mode: "0400", uid: 999, gid: 999}',
  }),
  'files-name': ({ service, writer }: Texts<'service' | 'writer'>) => ({
    message: `${quote(service)}: its secrets would be written by a service ${quote(writer)}, and the compose file already has a service of that name`,
    hint: 'rename that service',
  }),
  'files-beside': ({ service }: Texts<'service'>) => ({
    message: `${quote(service)}: x-disinto: secrets: are mounted at /run/secrets, where it has others already`,
    hint: 'move them all to x-disinto: secrets:, or mount the others elsewhere',
  }),
  'files-image': ({ service, image }: Texts<'service' | 'image'>) => ({
    message: `${quote(service)}: its secrets are written by a container of ${quote(image)}, and there is no such image on this machine`,
    hint: 'build it (docker build -f Dockerfile.agent -t disinto-agent . in a clone of disinto), or name one that has the shim: x-disinto: {image: NAME} at the top of the compose file',
  }),
  'files-ungranted': ({ service, names }: Texts<'service'> & { readonly names: readonly string[] }) => ({
    message: `${quote(service)}: x-disinto: secrets: asks for ${list(names)}, which it was not granted`,
    hint: `disinto secrets grant ${service} ${names.join(' ')}`,
  }),
  'recipient-bad': () => ({
    message: 'the argument is not an age recipient',
    hint: 'it is age1…, as age-keygen -y prints it; an identity (AGE-SECRET-KEY-…) is never an argument',
  }),
  'recipient-absent': ({ recipient, config }: Texts<'recipient' | 'config'>) => ({
    message: `${quote(recipient)}: is not in any rule of ${quote(config)}`,
    hint: 'disinto secrets recipients list shows who can open what',
  }),
  'recipient-present': ({ recipient, config }: Texts<'recipient' | 'config'>) => ({
    message: `${quote(recipient)}: is already in every rule of ${quote(config)} that it would be added to`,
    hint: 'disinto secrets recipients list shows who can open what',
  }),
  'recipient-last': ({ recipient, where }: Texts<'recipient' | 'where'>) => ({
    message: `${quote(recipient)}: is the only recipient of ${where}: nobody else could open it`,
    hint: 'add another first: disinto secrets recipients add RECIPIENT',
  }),
  'key-not-ours': ({ config }: Texts<'config'>) => ({
    message: `${quote(config)}: names none of your keys, so there is nothing to replace`,
    hint: 'disinto secrets recipients list shows who can open what',
  }),
  'verify-failed': ({ count }: { readonly count: number }) => ({
    message: `${count} of the files can't be opened`,
    hint: 'each is named above, with what to do',
  }),
  'git-missing': () => ({
    message: 'the git program is not on PATH',
    hint: 'install git: https://git-scm.com/downloads',
  }),
  'git-none': ({ root }: Texts<'root'>) => ({
    message: `${quote(root)}: is not in a git repository`,
    hint: 'git init makes one; --root names another project',
  }),
  'git-failed': ({ command, reason }: Texts<'command' | 'reason'>) => ({
    message: `git ${command}: failed: ${reason}`,
    hint: 'git status shows whether git can use this repository',
  }),
  'git-attributes-overruled': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: attributes other than those disinto set are in force for it`,
    hint: `git check-attr diff merge -- ${quote(path)} shows them: look for lines in .git/info/attributes and in .gitattributes further down`,
  }),
  'git-bundle-inside': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: is in the work tree of this repository, where any branch could replace it, so git must not run it`,
    hint: 'install disinto outside the repository, and run that one: npm install --global disinto',
  }),
  'git-hook-foreign': ({ path, line }: Texts<'path' | 'line'>) => ({
    message: `${quote(path)}: there are hooks here already, which were left as they are`,
    hint: `add this line to their pre-commit and pre-merge-commit: ${line}`,
  }),
  'merge-conflict': ({ path, names }: Texts<'path'> & { readonly names: readonly string[] }) => ({
    message: `${quote(path)}: both sides changed ${list(names)} in different ways; the file is left as ours`,
    hint: `take one side whole (git checkout --ours -- ${quote(path)}, or --theirs), correct it with disinto secrets edit, then git add it`,
  }),
  'merge-unopened': ({ path, side, reason }: Texts<'path' | 'side' | 'reason'>) => ({
    message: `${quote(path)}: not merged, since ${side} can't be opened here (${reason}); the file is left as ours`,
    hint: `merge where a key opens all versions, or take one side whole: git checkout --ours -- ${quote(path)}, or --theirs`,
  }),
  'merge-impossible': ({ path, reason }: Texts<'path' | 'reason'>) => ({
    message: `${quote(path)}: can't be merged by name: ${reason}; the file is left as ours`,
    hint: `take one side whole: git checkout --ours -- ${quote(path)}, or --theirs; then git add it`,
  }),
  'values-terminal': () => ({
    message: 'values are shown only on a terminal, and standard output is not one',
    hint: 'leave out --values: names and recipients can be shown anywhere',
  }),
  'scan-nothing': () => ({
    message: 'no value is known here, so there is nothing to search for',
    hint: 'use a key that opens the files: disinto secrets list shows which it opens',
  }),
  'scan-option': ({ options }: { readonly options: readonly string[] }) => ({
    message: `${options.map(quote).join(' and ')}: can't be combined`,
    hint: 'use one of --staged, --history and paths',
  }),
  'scan-incomplete': ({ count }: { readonly count: number }) => ({
    message: `${count} of the places could not be read, so they may hold anything`,
    hint: 'each is named above; try again as a user who can read them',
  }),
  'interrupted-nothing': () => ({
    message: 'nothing was changed',
    hint: 'run it again when you are ready',
  }),
} satisfies Catalogue

const CATALOGUE = { ...CORE_CATALOGUE, ...HOST_CATALOGUE }

/** Makes the error for a code of the host or of both programs, whose hints name the host's own help. */
export const failure = composerOf(() => CATALOGUE, asFailure)

export type ErrorCode = keyof typeof CORE_CATALOGUE | keyof typeof HOST_CATALOGUE
