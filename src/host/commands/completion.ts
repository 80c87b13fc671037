/** `disinto completion`: scripts for shells, and the words that they offer. */
import { existsSync } from 'node:fs'
import type { Flag } from '../../flags.ts'
import { FLAGS } from '../../load/option-list.ts'
import { recipientsOfServices } from '../access/keys.ts'
import { recipientNames } from '../access/recipient-names.ts'
import {
  COMMON_OPTIONS,
  type Commands,
  type HostCommand,
  type Invocation,
  type WordKind,
} from '../cli/command.ts'
import { findCommand } from '../cli/words.ts'
import { serviceNames } from '../compose/service-names.ts'
import type { HostContext } from '../context.ts'
import { failure } from '../errors.ts'
import { projectAt, rootAbove } from '../project.ts'
import { allNames } from '../store/find.ts'
import { ENV_FILE, nameFor } from '../store/grants.ts'
import { envSource, inventory, outsideOf, secretNames } from '../store/inventory.ts'
import { proposalIds } from '../vault/proposal-file.ts'
import { ID } from '../vault/proposal-schema.ts'

/** What a shell runs for the words so far. Where there is nothing to offer, it offers files. */
const SCRIPTS: Readonly<Record<string, string>> = {
  // No compgen -W, which expands what it is given: names of files come from the repository.
  bash: `_disinto() {
  local word
  COMPREPLY=()
  while IFS= read -r word; do COMPREPLY+=("$word"); done < <(
    disinto completion --words -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null
  )
}
complete -o default -F _disinto disinto
`,
  zsh: `#compdef disinto
_disinto() {
  local line tab=$'\t'
  local -a found shown
  while IFS= read -r line; do
    found+=("\${line%%$tab*}")
    shown+=("\${line/$tab/  -- }")
  done < <(disinto completion --words --about -- "\${(@)words[2,CURRENT]}" 2>/dev/null)
  if (( \${#found} )); then compadd -l -d shown -a found; else _files; fi
}
compdef _disinto disinto
`,
  fish: `function __disinto
  set -l found (disinto completion --words --about -- (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)
  if test (count $found) -gt 0
    printf '%s\n' $found
  else
    __fish_complete_path (commandline -ct)
  end
end
complete -c disinto -f -a '(__disinto)'
`,
}

/** Something to offer, and what it is. */
interface Offer {
  readonly word: string
  readonly about?: string
}

const offers = (words: Iterable<string>): Offer[] => [...words].map((word) => ({ word }))

/** Names of secrets as they may be: another one, which is a mistake or worse, is not offered. */
const LEGAL = /^[A-Za-z_][A-Za-z0-9_]*(?:@[A-Za-z0-9_-][A-Za-z0-9_.-]*)?$/
/** Recipients that are one word. */
const ONE_WORD = /^[A-Za-z0-9:/._+@-]+$/

async function recipients(context: HostContext): Promise<Offer[]> {
  const found = new Set<string>()
  for (const source of inventory(context.project))
    for (const one of (await outsideOf(source).catch(() => undefined))?.recipients ?? [])
      if (ONE_WORD.test(one)) found.add(one)
  const { short } = await recipientNames(context)
  return [...found].map((word) => ({ word, about: short(word) }))
}

async function servicesWithKeys(context: HostContext): Promise<string[]> {
  const keys = await recipientsOfServices(context)
  return [...keys].filter(([, recipients]) => recipients.length > 0).map(([service]) => service)
}

/** Reads what there is of a kind. */
const READERS: Readonly<Record<WordKind, (invocation: Invocation) => Promise<Offer[]>>> = {
  action: async ({ context }) => offers(proposalIds(context.project.root).filter((id) => ID.test(id))),
  command: async ({ commands }) => offers(commands.keys()),
  'env-name': async ({ context: { project } }) =>
    existsSync(project.envFile)
      ? offers((await outsideOf(envSource(project))).names.filter((name) => LEGAL.test(name)))
      : [],
  grantable: async ({ context: { project } }) =>
    offers(
      new Set([
        ...secretNames(project)
          .filter((name) => LEGAL.test(name))
          .map(nameFor),
        ENV_FILE,
      ]),
    ),
  recipient: ({ context }) => recipients(context),
  secret: async ({ context }) => offers((await allNames(context.project)).filter((name) => LEGAL.test(name))),
  'secret-or-env-file': async (invocation) => [
    ...(await READERS.secret(invocation)),
    { word: '.env.enc', about: 'everything the agents get' },
  ],
  // Those of the compose file, and those that have a key.
  service: async ({ context }) =>
    offers(new Set([...(await serviceNames(context)), ...(await servicesWithKeys(context))])),
  shell: async () => offers(Object.keys(SCRIPTS)),
}

/** What the value of an option is; of others, files are offered. */
const OPTION_VALUES: Readonly<Record<string, WordKind>> = {
  '--service': 'service',
  '--for': 'service',
  '--only': 'secret',
  '--require': 'secret',
  '--as-file': 'secret',
  '--allow-secret': 'secret',
}

/** The word that stands at the end: of which command, at which place, and behind which option. */
interface At {
  readonly place: number
  readonly option: string | undefined
}

/** The options of a command; those of the shim, where it hands them on. */
const optionsOf = ({ name, options }: HostCommand): readonly Flag[] =>
  name === 'run' ? FLAGS : [...options, ...COMMON_OPTIONS]

function placeOf(command: HostCommand, words: readonly string[]): At {
  const valued = new Set(
    optionsOf(command)
      .filter(({ value }) => value !== undefined)
      .map(({ name }) => `--${name}`),
  )
  let place = 0
  let option: string | undefined
  for (const word of words) {
    if (option !== undefined) option = undefined
    else if (valued.has(word)) option = word
    else if (!word.startsWith('-')) place += 1
  }
  return { place, option }
}

async function nextWords(commands: Commands, before: readonly string[]): Promise<Offer[]> {
  const group = before.length === 0 ? '' : `${before.join(' ')} `
  const found = new Map<string, string | undefined>()
  for (const [name, load] of commands) {
    if (!name.startsWith(group)) continue
    const [word = '', ...more] = name.slice(group.length).split(' ')
    if (more.length === 0) found.set(word, (await load()).about)
    else if (!found.has(word)) found.set(word, undefined)
  }
  return [...found].map(([word, about]) => ({ word, ...(about !== undefined && { about }) }))
}

/** What can stand at the last word. Nothing is offered behind `--`, where another program's words are. */
async function candidates(invocation: Invocation): Promise<Offer[]> {
  const { commands, rest } = invocation
  // Options that stand before the command, as disinto takes them.
  const before = rest.slice(rest[0] === '--root' ? 2 : 0, -1)
  const current = rest.at(-1) ?? ''
  const called = findCommand(commands, before)
  const command = await commands.get(called?.name ?? '')?.()
  if (called === undefined || command === undefined) return nextWords(commands, before)
  if (called.rest.includes('--')) return []
  const { place, option } = placeOf(command, called.rest)
  if (option !== undefined) {
    const kind = OPTION_VALUES[option]
    return kind === undefined ? [] : READERS[kind](invocation)
  }
  if (current.startsWith('-'))
    return optionsOf(command).map(({ name, about }) => ({ word: `--${name}`, about }))
  const kinds = command.completes ?? []
  const kind = kinds[place] ?? kinds.at(-1)
  // Behind its own words stand those of another program, or none.
  const isTaken = place < command.words[command.stopEarly === true ? 0 : 1]
  return kind === undefined || !isTaken ? [] : READERS[kind](invocation)
}

/** The project that a command would work with if it were called with these words. */
function inProject(context: HostContext, words: readonly string[]): HostContext {
  const { variables, workingDirectory } = context
  const at = words.indexOf('--root')
  const named = at === -1 ? variables.get('DISINTO_ROOT') || undefined : words[at + 1]
  return { ...context, project: projectAt(named ?? rootAbove(workingDirectory), variables, workingDirectory) }
}

export const completion: HostCommand = {
  name: 'completion',
  about: 'print the completion script for a shell',
  usage: 'bash|zsh|fish',
  examples: [
    'eval "$(disinto completion bash)"                                      # in ~/.bashrc',
    'eval "$(disinto completion zsh)"                                       # in ~/.zshrc, after compinit',
    'disinto completion fish > ~/.config/fish/completions/disinto.fish',
  ],
  options: [
    { name: 'words', about: 'for the scripts: print what can follow the words after --' },
    { name: 'about', about: 'for the scripts: with a description after a tab' },
  ],
  here: true,
  words: [0, 1],
  completes: ['shell'],
  takesRest: true,
  run: async (invocation) => {
    const { context, words, rest, on } = invocation
    if (on('words')) {
      const current = rest.at(-1) ?? ''
      const found = await candidates({ ...invocation, context: inProject(context, rest) })
      const line = ({ word, about }: Offer) =>
        on('about') && about !== undefined ? `${word}\t${about}\n` : `${word}\n`
      context.print(
        found
          .filter(({ word }) => word.startsWith(current))
          .map(line)
          .join(''),
      )
      return 0
    }
    const script = SCRIPTS[words[0] ?? '']
    if (script === undefined)
      throw failure('words-missing', { command: 'completion', usage: 'bash|zsh|fish' })
    context.print(script)
    return 0
  },
}
