/** `disinto completion`: scripts for shells, and the words that they offer. */
import { COMMON_OPTIONS, type HostCommand, type Invocation } from '../cli/command.ts'
import { findCommand } from '../cli/words.ts'
import { recipientsOfServices } from '../access/keys.ts'
import { allNames } from '../store/find.ts'
import { ENV_FILE, nameFor } from '../store/grants.ts'
import { secretNames } from '../store/inventory.ts'
import { failure } from '../errors.ts'

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
  local -a found
  found=("\${(@f)$(disinto completion --words -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  compadd -a found
}
compdef _disinto disinto
`,
  fish: `complete -c disinto -f -a '(disinto completion --words -- (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)'
`,
}

/** Names of secrets as they may be: another one, which is a mistake or worse, is not offered. */
const LEGAL = /^[A-Za-z_][A-Za-z0-9_]*(?:@[A-Za-z0-9_-][A-Za-z0-9_.-]*)?$/

/** After `secrets grant` and `secrets revoke`: the services that have a key, then names. */
async function forGrants({ context }: Invocation, before: readonly string[]): Promise<string[]> {
  if (before.filter((word) => !word.startsWith('-')).length <= 2)
    return [...(await recipientsOfServices(context)).keys()]
  const names = secretNames(context.project).filter((name) => LEGAL.test(name))
  return [...new Set(names.map(nameFor)), ENV_FILE]
}

/** What can stand at the last word: names of commands, options, or secrets. */
async function candidates(invocation: Invocation): Promise<string[]> {
  const { context, commands, rest } = invocation
  const before = rest.slice(0, -1)
  const current = rest.at(-1) ?? ''
  const command = await commands.get(findCommand(commands, before)?.name ?? '')?.()
  if (command === undefined) {
    const group = before.length === 0 ? '' : `${before.join(' ')} `
    const next = [...commands.keys()]
      .filter((name) => name.startsWith(group))
      .map((name) => name.slice(group.length).split(' ')[0] ?? '')
    return [...new Set(next)]
  }
  if (command.name === 'help') return [...commands.keys()]
  if (current.startsWith('-')) return [...command.options, ...COMMON_OPTIONS].map(({ name }) => `--${name}`)
  if (command.completes === 'grants') return forGrants(invocation, before)
  if (command.completes === 'secrets')
    return [
      ...(await allNames(context.project)).filter((name) => LEGAL.test(name)),
      ...(command.name === 'secrets add' || command.name === 'secrets rm' ? [] : ['.env.enc']),
    ]
  return command.name === 'completion' ? Object.keys(SCRIPTS) : []
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
  options: [{ name: 'words', about: 'for the scripts: print what can follow the words after --' }],
  here: true,
  words: [0, 1],
  takesRest: true,
  run: async (invocation) => {
    const { context, words, rest, on } = invocation
    if (on('words')) {
      const current = rest.at(-1) ?? ''
      const found = await candidates(invocation)
      context.print(
        found
          .filter((word) => word.startsWith(current))
          .map((word) => `${word}\n`)
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
