/** What the host command says that the shim does not, by the rules of errors.ts. */
import { asFailure, CORE_CATALOGUE, composerOf, list, quote, type Catalogue, type Texts } from '../errors.ts'

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
    hint: 'it is an object of names with days, {"TOKEN": "2027-01-31"}: correct it, or remove it',
  }),
  'words-missing': ({ command, usage }: Texts<'command' | 'usage'>) => ({
    message: `${command}: something is missing`,
    hint: `usage: disinto ${command} ${usage}`,
  }),
  'words-extra': ({ command, usage }: Texts<'command' | 'usage'>) => ({
    message: `${command}: more words than it takes`,
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
        ? 'the disk is full: make room, then do it again'
        : 'check the owner and mode of the directory, and whether it is mounted read-only',
  }),
  'file-exists': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: exists already, and is unchanged`,
    hint: 'another process may have written it just now, or it is a link to nothing: look at it, then do it again',
  }),
  'file-changed': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: was changed by another process meanwhile, and is left as that wrote it`,
    hint: 'do it again',
  }),
  unasked: ({ question, option }: Texts<'question' | 'option'>) => ({
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
    hint: `correct it; docker compose -f ${quote(path)} config --quiet shows whether it is good`,
  }),
  'compose-value-wrong': ({ path, names }: Texts<'path'> & { readonly names: readonly string[] }) => ({
    message: `${quote(path)}: docker compose can't read it with the values of ${list(names) || 'its variables'}`,
    hint: 'each must fit where the file has it: a port, a number, a path',
  }),
  'compose-variable-missing': ({ path, names }: Texts<'path'> & { readonly names: readonly string[] }) => ({
    message: `${quote(path)}: refers to ${list(names)}, which must be set and is not`,
    hint: 'set it in .env or .env.enc, or in the environment: NAME=value disinto up',
  }),
  'project-unclear': ({ root, names }: Texts<'root'> & { readonly names: readonly string[] }) => ({
    message: `${quote(root)}: containers of several projects were made from here: ${list(names)}`,
    hint: `say which: COMPOSE_PROJECT_NAME=${names[0] ?? 'NAME'} disinto down`,
  }),
  'service-missing': ({
    path,
    service,
    known,
  }: Texts<'path' | 'service'> & { readonly known: readonly string[] }) => ({
    message: `${quote(path)}: no service ${quote(service)}`,
    hint: `there are: ${list(known) || 'none'}`,
  }),
  'service-down': ({ service }: Texts<'service'>) => ({
    message: `${quote(service)}: no container of this service is running`,
    hint: 'disinto up starts it; disinto logs says why it ended',
  }),
  'stack-down': () => ({ message: 'nothing is up', hint: 'disinto up starts the stack' }),
  'mount-missing': ({ service, source, target }: Texts<'service' | 'source' | 'target'>) => ({
    message: `${quote(source)}: does not exist, but ${quote(service)} mounts it at ${quote(target)}: Docker would make a directory of it`,
    hint: 'take that line out of volumes: disinto up adds the mounts of what exists',
  }),
  'shell-no-shim': ({ service }: Texts<'service'>) => ({
    message: `${quote(service)}: its container is not started by the shim, so there is nothing that loads the secrets`,
    hint: 'use an image with the shim, without entrypoint: of another kind; or leave --with-secrets out',
  }),
  'rules-foreign': ({ path, what }: Texts<'path' | 'what'>) => ({
    message: `${quote(path)}: the rule for .env.enc can't be changed here: it ${what}`,
    hint: 'add the service key by hand (disinto doctor shows it), then run: sops updatekeys --input-type dotenv .env.enc',
  }),
  'no-key-place': () => ({
    message: 'nowhere to keep a key: neither HOME nor XDG_CONFIG_HOME is set',
    hint: 'set HOME',
  }),
  'proposal-id': ({ id }: Texts<'id'>) => ({
    message: `${quote(id)} is no proposal's ID`,
    hint: 'give the name of a file in vault/approved/ without .json: letters, digits, dots, dashes, underscores',
  }),
  'proposal-missing': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: does not exist`,
    hint: 'only what was approved is run: check the ID, and that the approval was pulled',
  }),
  'proposal-link': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: is a link, which is not followed`,
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
    hint: `whoever may approve it runs: disinto approve ${quote(id)}`,
  }),
  'approval-wrong': ({ path, signers }: Texts<'path' | 'signers'>) => ({
    message: `${quote(path)}: no approval of this proposal as it stands, by somebody whom ${quote(signers)} lists`,
    hint: 'it was changed after it was signed, or signed by another key or for another purpose: look at it, and approve it again',
  }),
  'approval-expired': ({ path, when }: Texts<'path' | 'when'>) => ({
    message: `${quote(path)}: its approval has expired (${quote(when)})`,
    hint: 'look at it again, and approve it again: disinto approve ID --expires 2h',
  }),
  'approval-used': ({ path, when }: Texts<'path' | 'when'>) => ({
    message: `${quote(path)}: was run already (${quote(when)}), and an approval counts once`,
    hint: 'for another run, approve a proposal with another ID; vault/runs.jsonl says what became of this one',
  }),
  'approval-command': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: another command than this was approved`,
    hint: 'leave the command out, and the approved one runs; disinto approve --list shows it',
  }),
  'approval-command-unsigned': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: names a command, and nobody has signed it`,
    hint: 'give vault-run the same command after --, or keep a file of those who may approve: disinto help approve',
  }),
  'approval-foreign': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: has an approval in it that disinto did not write at its end`,
    hint: 'take it out of the file, then approve it again',
  }),
  'claim-unwritten': ({ path, reason }: Texts<'path' | 'reason'>) => ({
    message: `${quote(path)}: can't be written (${reason}), so nothing would keep the approval from being used twice`,
    hint: 'check its owner and mode, and those of its directory',
  }),
  'signers-unusable': ({ path, reason }: Texts<'path' | 'reason'>) => ({
    message: `${quote(path)}: can't tell who may approve (${reason})`,
    hint: 'it lists public keys, a line each, as in ssh-keygen(1), ALLOWED SIGNERS, and is yours alone to write',
  }),
  'signers-elsewhere': ({ path, usual }: Texts<'path' | 'usual'>) => ({
    message: `${quote(path)}: says who may approve for a project of this name in another directory, and here nobody would check`,
    hint: `to have it count here, too: --allowed-signers ${quote(path)}, or a copy at ${quote(usual)}; an empty file there lets nobody approve`,
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
    message: `no memory file system for the secrets of this run (looked at ${list(looked)})`,
    hint: 'mount one, as nothing is written to a disk: mount -t tmpfs -o size=16m tmpfs /dev/shm',
  }),
  'tmpfs-write': ({ path, reason }: Texts<'path' | 'reason'>) => ({
    message: `${quote(path)}: can't be written (${reason})`,
    hint:
      reason === 'ENOSPC' || reason === 'EDQUOT'
        ? 'the memory file system is full: df shows it, and what fills it can go'
        : 'check the owner and mode of the directory',
  }),
  'runner-sees': ({
    service,
    what,
    allow,
  }: Texts<'service' | 'what'> & { readonly allow?: string | undefined }) => ({
    message: `${quote(service)}: docker-compose.yml gives it ${what}`,
    hint:
      allow === undefined
        ? 'take that out: vault-run gives it the secrets of the proposal, and it may see nothing else'
        : `take that out, or let it through by name: ${allow}`,
  }),
  'runner-variable': ({ service, name }: Texts<'service' | 'name'>) => ({
    message: `${quote(service)}: the value of ${quote(name)} (environment:) has several lines`,
    hint: 'give it in one line, or in a file of the image',
  }),
  'runner-engine': ({ service, what }: Texts<'service' | 'what'>) => ({
    message: `${quote(service)}: the engine would give its container ${what}; it was not started`,
    hint: 'look at the defaults of the engine (daemon.json), at its plugins and at volumes that were made by hand',
  }),
  'engine-in-the-clear': ({ host }: Texts<'host'>) => ({
    message: `${quote(host)}: the engine is on another machine, and everybody between could read what it is given`,
    hint: 'use ssh, DOCKER_HOST=ssh://you@host, or TLS: DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH',
  }),
  'runner-image-missing': ({ service, image }: Texts<'service' | 'image'>) => ({
    message: `${quote(service)}: the engine does not have its image ${quote(image)}, and vault-run neither builds nor pulls one`,
    hint: `look at what the compose file would build or pull, then: docker compose --profile '*' build ${service}, or pull`,
  }),
  'run-uncreated': ({ service, reason }: Texts<'service' | 'reason'>) => ({
    message: `${quote(service)}: the engine did not make its container: ${reason}`,
    hint: 'disinto doctor looks for the usual mistakes; disinto up --build builds the images of the stack',
  }),
  'lock-place': ({ places }: { readonly places: readonly string[] }) => ({
    message: `no directory that is ours alone, for a lock: ${list(places)}`,
    hint: 'set HOME to a directory that you can write, and give the one named first to you alone: chmod 0700',
  }),
  'proposal-twice': ({ path, other }: Texts<'path' | 'other'>) => ({
    message: `${quote(path)}: there is ${quote(other)}, too, for the same ID`,
    hint: 'remove the one that was not approved',
  }),
  'run-unrecorded': ({ path, reason }: Texts<'path' | 'reason'>) => ({
    message: `${quote(path)}: can't be written (${reason}), and no run goes unrecorded`,
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
    message: `${quote(path)}: does not exist, so nothing says for whom secrets are`,
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
    message: `${quote(config)}: no creation rule is for ${quote(path)}`,
    hint: 'add a rule whose path_regex matches it, with the age recipients that may open it',
  }),
  'rule-leaves-clear': ({ path, name }: Texts<'path' | 'name'>) => ({
    message: `${quote(path)}: the value of ${quote(name)} would be left unencrypted`,
    hint: 'a name that ends with _unencrypted, or a rule in .sops.yaml (encrypted_regex and the like), asks for that: rename it, or change the rule',
  }),
  'file-leaves-clear': ({ path, name, rule }: Texts<'path' | 'name' | 'rule'>) => ({
    message: `${quote(path)}: the value of ${quote(name)} would be left unencrypted, by the file’s own ${rule}, which .sops.yaml does not have`,
    hint: 'have the file encrypted by .sops.yaml, which may be for others: disinto secrets show .env.enc > .env, rm .env.enc, then: disinto secrets migrate',
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
    message: `${quote(path)}: what was written does not open to what was meant; the old state is unchanged`,
    hint: 'this is a bug in disinto or in the sops program: please report it',
  }),
  'written-for-others': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: would be encrypted to others alone, and nothing here could test it; the old state is unchanged`,
    hint: 'have a key at hand that its rule in .sops.yaml names: disinto secrets recipients list',
  }),
  'home-missing': () => ({
    message: 'no place for the operator key: HOME is not set',
    hint: 'set HOME, or SOPS_AGE_KEY_FILE to the file',
  }),
  'key-by-sudo': ({ user }: Texts<'user'>) => ({
    message: `no key here, and root by sudo is not who should have a new one: the keys of ${quote(user)} are not root’s`,
    hint: `run it as ${user} without sudo (the group docker reaches the engine), or say which key: sudo SOPS_AGE_KEY_FILE=FILE disinto …; for a key of root’s own: sudo env -u SUDO_USER disinto secrets keygen`,
  }),
  'key-foreign': ({ what }: Texts<'what'>) => ({
    message: `there is an operator key, but it is ${what}, of which nothing here knows the public half`,
    hint: 'write it into .sops.yaml yourself (age-keygen -y asks for the passphrase, age-plugin-… -l lists): with rules there no key is needed to encrypt; sops opens the files',
  }),
  'key-unusable': ({ place, reason }: Texts<'place' | 'reason'>) => ({
    message: `${quote(place)}: can't be used as a key (${reason})`,
    hint: 'restore it from its backup; a new key would not open what there is',
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
    message: `${command}: what was given as NAME is no variable name`,
    hint: 'names match [A-Za-z_][A-Za-z0-9_]*; a value is never an argument: disinto secrets add NAME asks for it',
  }),
  'value-argument': ({ name }: Texts<'name'>) => ({
    message:
      'NAME=VALUE was given where only a name belongs: a value is never an argument, as arguments show in ps and in the history of the shell',
    hint: `take it out of that history, then: disinto secrets add ${name}`,
  }),
  'value-several-lines': ({ name }: Texts<'name'>) => ({
    message: `the value of ${quote(name)} had several lines, and a prompt takes one; nothing was stored`,
    hint: `give all of them from a file or by a pipe: disinto secrets add ${name} --from-file FILE`,
  }),
  'name-kept': ({ name }: Texts<'name'>) => ({
    message: `${quote(name)}: SOPS keeps this name for itself, and no SOPS file can hold a value of it`,
    hint: 'choose another name',
  }),
  'secret-link': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: is a link, and a secret is never written through one`,
    hint: `see where it points (ls -l ${quote(path)}), remove the link, then do it again`,
  }),
  'value-empty': ({ name }: Texts<'name'>) => ({
    message: `the value of ${quote(name)} is empty`,
    hint: 'check what wrote to the pipe: an empty secret is refused',
  }),
  'migrate-differs': ({ path, names }: Texts<'path'> & { readonly names: readonly string[] }) => ({
    message: `${quote(path)}: exists already, and differs in ${list(names)}`,
    hint: 'see which is right (disinto secrets show NAME), make both the same, and do it again',
  }),
  'rule-lacking': ({
    config,
    paths,
    pattern,
    recipient,
  }: Texts<'config' | 'pattern' | 'recipient'> & { readonly paths: readonly string[] }) => ({
    message: `${quote(config)}: no creation rule is for ${list(paths)}; nothing was changed`,
    hint: `disinto secrets migrate --add-rule adds one for you alone, or add it by hand: path_regex: '${pattern}', age: ${recipient}`,
  }),
  'migrate-before': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: is in use in plaintext, and a .env.enc beside it would put it out of use`,
    hint: 'disinto secrets migrate first',
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
    message: `${quote(path)}: env_file: in ${quote(file)} names it, for ${list(services)}: without it, docker compose would not even stop them`,
    hint: 'docs/migrating.md, "From docker compose’s env_file": take the line out there (disinto up mounts .env.enc), then do it again',
  }),
  'migrate-dotenvx': ({ path, names }: Texts<'path'> & { readonly names: readonly string[] }) => ({
    message: `${quote(path)}: has dotenvx’s ciphertext in place of values: ${list(names)}`,
    hint: 'docs/migrating.md, "From dotenvx": dotenvx decrypt, then do it again',
  }),
  'migrate-homeless': ({
    path,
    names,
    apart,
  }: Texts<'path'> & { readonly names: readonly string[]; readonly apart: readonly string[] }) => ({
    message: `${quote(path)}: no line of SOPS dotenv holds ${list(apart)}, and SOPS JSON can’t refer to HOME, as ${list(names)} does`,
    hint: `write the path in place of HOME, or move ${list(apart)} to a file of its own (disinto secrets add NAME --from-file FILE), then do it again`,
  }),
  'link-out': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: is behind a link that leads out of the directory`,
    hint: `see where it leads (realpath ${quote(path)}), and put a file in place of the link`,
  }),
  'rules-writable': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: other users can change it, and so who may open what is written`,
    hint: `chmod go-w ${quote(path)}, and chown it where it is another user's`,
  }),
  'init-link': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: is a link, which init neither reads nor writes through`,
    hint: `see where it points (ls -l ${quote(path)}), put a file in its place, then do it again`,
  }),
  'migrate-link': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: is a link; removing it would leave the plaintext where it points`,
    hint: 'move the file itself here, then do it again',
  }),
  'age-left': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: is an age file, which knows no recipients`,
    hint: 'disinto secrets migrate makes a SOPS file of it',
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
    message: `${quote(path)}: is ${format}, which is not edited here`,
    hint: `use sops: sops edit --input-type ${type(format)} --output-type ${type(format)} ${quote(path)}`,
  }),
  'edit-line': ({ path, line, reason }: Texts<'path' | 'reason'> & { readonly line: number }) => ({
    message: `${quote(path)}: line ${line}: ${reason}`,
    hint: 'one NAME=value a line, a value of several lines in double quotes; what can’t stand so goes to a file of its own: disinto secrets add NAME --from-file FILE',
  }),
  'edit-no-tmpfs': () => ({
    message: 'no tmpfs at hand (/dev/shm, /run/user): the plaintext would be on disk while you edit',
    hint: 'nothing was changed; --on-disk does it all the same',
  }),
  'service-name': ({ service }: Texts<'service'>) => ({
    message: `${quote(service)}: no name for a service that has a key: it would be part of a path`,
    hint: 'rename the service: letters, digits, dots, dashes and underscores, and no dot first',
  }),
  'rules-uneditable': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: could not be changed so that it says just what was wanted; nothing was changed`,
    hint: 'write the keys of the rule out, without anchors and merges, then do it again',
  }),
  'recipient-groups': ({ path, groups }: Texts<'path'> & { readonly groups: number }) => ({
    message: `${quote(path)}: its rule wants keys of ${groups} groups; in more than one, this key would do for all of them`,
    hint: 'name the group: --group 1, for example; disinto secrets recipients list shows them',
  }),
  'recipient-unaccepted': ({
    config,
    recipients,
    files,
  }: Texts<'config'> & { readonly recipients: readonly string[]; readonly files: readonly string[] }) => ({
    message: `${quote(config)}: names ${list(recipients)} for ${list(files)}, which nobody accepted on this machine`,
    hint: 'find out whose it is; then disinto secrets recipients accept',
  }),
  'rule-loosened': ({ config, files }: Texts<'config'> & { readonly files: readonly string[] }) => ({
    message: `${quote(config)}: wants fewer keys together for ${list(files)} than was accepted on this machine`,
    hint: 'find out why (git log -p .sops.yaml); then disinto secrets recipients accept',
  }),
  'readers-none': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: of those who can open it, the rules in force name nobody`,
    hint: 'disinto secrets recipients list shows both; add a key to the rules: disinto secrets recipients add RECIPIENT',
  }),
  'readers-unaddable': ({ path, reason }: Texts<'path' | 'reason'>) => ({
    message: `${quote(path)}: one more key can't be given to it here (${reason}); nothing was changed`,
    hint: `with an age key that opens it at hand, do it again; or name the key in .sops.yaml and run: sops updatekeys --input-type TYPE ${quote(path)} (dotenv, json or yaml, as it is)`,
  }),
  'key-types-unasked': ({
    path,
    types,
    allowed,
  }: Texts<'path'> & { readonly types: readonly string[]; readonly allowed: readonly string[] }) => ({
    message: `${quote(path)}: names keys of ${list(types)}, which sops would ask to encrypt it anew, and which may not be used`,
    hint: `if they are yours: DISINTO_KEY_TYPES=${[...new Set([...allowed, ...types])].join(',')}, and VAULT_ADDR for a Vault; else somebody has put them there: git log -p ${quote(path)}`,
  }),
  'readers-unchecked': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: would not be for those whom it was meant for; nothing was changed`,
    hint: 'this is a bug in disinto or in the sops program: please report it',
  }),
  'reader-unproved': ({ path, service }: Texts<'path' | 'service'>) => ({
    message: `${quote(path)}: names the key of ${quote(service)}, which does not open it: somebody without a key has written that, and nothing was changed`,
    hint: `it may be a copy of what is for fewer: see git log -p -- ${quote(path)}, and restore it (git checkout COMMIT -- ${quote(path)})`,
  }),
  'readers-widen': ({
    path,
    reader,
    names,
  }: Texts<'path' | 'reader'> & { readonly names: readonly string[] }) => ({
    message: `${quote(path)}: ${quote(reader)} would be able to open ${list(names)}, which looks like a copy from secrets/`,
    hint: 'if it is one, restore .env.enc from git; if it is not, say so at a terminal: disinto up asks',
  }),
  'grant-groups': ({ path, secret }: Texts<'path' | 'secret'>) => ({
    message: `${quote(path)}: its rule for ${quote(secret)} wants keys of several groups: one of a service would not open it`,
    hint: 'write a rule without groups for this file before it, with your own key, then do it again',
  }),
  'grant-inside': ({ name }: Texts<'name'>) => ({
    message: `${quote(name)}: is in .env.enc, and a service is granted files`,
    hint: `give it a file of its own: disinto secrets show ${name} --raw | disinto secrets add ${name} --raw; or grant .env.enc`,
  }),
  'grant-nameless': ({ path, name }: Texts<'path' | 'name'>) => ({
    message: `${quote(path)}: does not say which secret it holds, so that it may be a copy of another`,
    hint: `make a file that does: disinto secrets show ${name} --raw | disinto secrets add ${name} --raw --force`,
  }),
  'grant-other-service': ({ name, service }: Texts<'name' | 'service'>) => ({
    message: `${quote(name)}: is the value of another service than ${quote(service)}`,
    hint: `a value for this one: disinto secrets add NAME --for ${service}`,
  }),
  'grant-missing': ({ service, name }: Texts<'service' | 'name'>) => ({
    message: `${quote(service)}: was not granted ${quote(name)}, and can't open it`,
    hint: 'disinto secrets grants lists who was granted what',
  }),
  'grant-keyless': ({ service, path }: Texts<'service' | 'path'>) => ({
    message: `${quote(service)}: has no key here (${quote(path)}), so that what it was granted can't be told`,
    hint: 'disinto secrets recipients list shows all keys; take one out: disinto secrets recipients rm RECIPIENT',
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
    message: `${quote(service)}: its secrets would be written by a service ${quote(writer)}, and the compose file has one of that name`,
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
    message: `${quote(service)}: x-disinto: secrets: wants ${list(names)}, which it was not granted`,
    hint: `disinto secrets grant ${service} ${names.join(' ')}`,
  }),
  'recipient-bad': () => ({
    message: 'what was given is no age recipient',
    hint: 'age1…, as age-keygen -y prints it; an identity (AGE-SECRET-KEY-…) is never an argument',
  }),
  'recipient-absent': ({ recipient, config }: Texts<'recipient' | 'config'>) => ({
    message: `${quote(recipient)}: in no rule of ${quote(config)}`,
    hint: 'disinto secrets recipients list shows who can open what',
  }),
  'recipient-present': ({ recipient, config }: Texts<'recipient' | 'config'>) => ({
    message: `${quote(recipient)}: already in every rule of ${quote(config)} that it was to be added to`,
    hint: 'disinto secrets recipients list shows who can open what',
  }),
  'recipient-last': ({ recipient, where }: Texts<'recipient' | 'where'>) => ({
    message: `${quote(recipient)}: is the only recipient of ${where}: nobody could open it any more`,
    hint: 'add another first: disinto secrets recipients add RECIPIENT',
  }),
  'key-not-ours': ({ config }: Texts<'config'>) => ({
    message: `${quote(config)}: names no key of ours, so there is none to replace`,
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
    message: `${quote(root)}: is in no git repository`,
    hint: 'git init makes one; --root names another project',
  }),
  'git-failed': ({ command, reason }: Texts<'command' | 'reason'>) => ({
    message: `git ${command}: failed: ${reason}`,
    hint: 'git status shows whether git can use this repository',
  }),
  'git-attributes-overruled': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: other attributes than ours are in force for it`,
    hint: `git check-attr diff merge -- ${quote(path)} shows them: look for lines in .git/info/attributes and in .gitattributes further down`,
  }),
  'git-bundle-inside': ({ path }: Texts<'path'>) => ({
    message: `${quote(path)}: is in the work tree of this repository, where any branch can put another in its place, so git must not start it`,
    hint: 'install disinto outside of it, and run that one: npm install --global disinto',
  }),
  'git-hook-foreign': ({ path, line }: Texts<'path' | 'line'>) => ({
    message: `${quote(path)}: others have hooks here, which stay as they are`,
    hint: `add this line to their pre-commit and pre-merge-commit: ${line}`,
  }),
  'merge-conflict': ({ path, names }: Texts<'path'> & { readonly names: readonly string[] }) => ({
    message: `${quote(path)}: both sides changed ${list(names)}, each in its own way; the file is left as ours`,
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
    message: 'values are shown on a terminal alone, and standard output is none',
    hint: 'leave --values out: names and recipients are for any reader',
  }),
  'scan-nothing': () => ({
    message: 'no value is known here, so there is nothing to search for',
    hint: 'have a key at hand that opens the files: disinto secrets list shows which it opens',
  }),
  'scan-option': ({ options }: { readonly options: readonly string[] }) => ({
    message: `${options.map(quote).join(' and ')}: each is about other places`,
    hint: 'give one of --staged and --history, or paths',
  }),
  'scan-incomplete': ({ count }: { readonly count: number }) => ({
    message: `${count} of the places could not be read, so they may hold anything`,
    hint: 'each is named above; do it again as somebody who can read them',
  }),
  'interrupted-nothing': () => ({
    message: 'nothing was changed',
    hint: 'do it again when you are ready',
  }),
} satisfies Catalogue

/** Makes the error for a code of the host or of both programs, whose hints name the host's own help. */
export const failure = composerOf({ ...CORE_CATALOGUE, ...HOST_CATALOGUE }, asFailure)

export type ErrorCode = keyof typeof CORE_CATALOGUE | keyof typeof HOST_CATALOGUE
