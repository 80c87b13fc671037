/** Which names a file may set. */
import { failure } from '../errors.ts'

const LEGAL = /^[A-Za-z_][A-Za-z0-9_]*$/

/** Names that would take over the command, its loader or disinto itself; with `*`, all that begin so. */
const REFUSED: ReadonlyArray<readonly [pattern: string, reason: string]> = [
  ['PATH', 'decides which programs the command runs'],
  ['LD_*', 'makes the dynamic loader run other code (ld.so(8))'],
  ['DYLD_*', 'makes the macOS loader run other code (dyld(1))'],
  ['GCONV_PATH', 'makes libc load other code (iconv(3))'],
  ['GLIBC_TUNABLES', 'changes how libc allocates and checks memory'],
  ['MALLOC_*', 'changes how libc allocates and checks memory'],
  ['LOCPATH', 'makes libc read other locale files'],
  ['NLSPATH', 'makes libc read other message files'],
  ['HOSTALIASES', 'redirects host names (gethostbyname(3))'],
  ['RES_OPTIONS', 'redirects name resolution (resolv.conf(5))'],
  ['LOCALDOMAIN', 'redirects name resolution (resolv.conf(5))'],
  ['IFS', 'changes how shells split words'],
  ['ENV', 'names a file that every sh runs first'],
  ['BASH_ENV', 'names a file that every bash script runs first'],
  ['BASH_FUNC_*', 'defines a bash function'],
  ['BASHOPTS', 'changes how bash reads scripts'],
  ['SHELLOPTS', 'changes how bash reads scripts'],
  ['PS4', 'is executed by bash -x'],
  ['PROMPT_COMMAND', 'is executed by every interactive bash'],
  ['ZDOTDIR', 'names a directory whose files every zsh runs first'],
  ['SHELL', 'decides which shell other programs start'],
  ['NODE_OPTIONS', 'makes Node run other code'],
  ['NODE_PATH', 'makes Node load other modules'],
  ['NODE_REPL_EXTERNAL_MODULE', 'makes Node run other code'],
  ['PYTHONSTARTUP', 'names a file that Python runs first'],
  ['PYTHONPATH', 'makes Python load other modules'],
  ['PYTHONHOME', 'makes Python load other modules'],
  ['PYTHONBREAKPOINT', 'makes Python call other code'],
  ['PERL5OPT', 'makes Perl run other code'],
  ['PERL5LIB', 'makes Perl load other modules'],
  ['PERL5DB', 'makes Perl run other code'],
  ['PERLLIB', 'makes Perl load other modules'],
  ['RUBYOPT', 'makes Ruby run other code'],
  ['RUBYLIB', 'makes Ruby load other modules'],
  ['JAVA_TOOL_OPTIONS', 'makes Java load other code'],
  ['_JAVA_OPTIONS', 'makes Java load other code'],
  ['JDK_JAVA_OPTIONS', 'makes Java load other code'],
  ['CLASSPATH', 'makes Java load other code'],
  ['LUA_INIT', 'makes Lua run other code'],
  ['PHPRC', 'makes PHP read other settings'],
  ['PHP_INI_SCAN_DIR', 'makes PHP read other settings'],
  ['DOTNET_STARTUP_HOOKS', 'makes .NET run other code'],
  ['GIT_SSH', 'is executed by git'],
  ['GIT_SSH_COMMAND', 'is executed by git'],
  ['GIT_ASKPASS', 'is executed by git'],
  ['GIT_EDITOR', 'is executed by git'],
  ['GIT_SEQUENCE_EDITOR', 'is executed by git'],
  ['GIT_PAGER', 'is executed by git'],
  ['GIT_EXTERNAL_DIFF', 'is executed by git'],
  ['GIT_PROXY_COMMAND', 'is executed by git'],
  ['GIT_EXEC_PATH', 'makes git run other programs'],
  ['GIT_TEMPLATE_DIR', 'makes git install other hooks'],
  ['GIT_CONFIG*', 'changes git’s settings, which name programs to run'],
  ['GIT_DIR', 'makes git use another repository and its hooks'],
  ['SSH_ASKPASS', 'is executed by ssh'],
  ['EDITOR', 'is executed by many programs'],
  ['VISUAL', 'is executed by many programs'],
  ['PAGER', 'is executed by many programs'],
  ['BROWSER', 'is executed by many programs'],
  ['LESSOPEN', 'is executed by less'],
  ['LESSCLOSE', 'is executed by less'],
  ['MANPAGER', 'is executed by man'],
  ['OPENSSL_CONF', 'makes OpenSSL load other code'],
  ['OPENSSL_MODULES', 'makes OpenSSL load other code'],
  ['OPENSSL_ENGINES', 'makes OpenSSL load other code'],
  ['HOME', 'decides which settings and keys programs read'],
  ['XDG_CONFIG_HOME', 'decides which settings and keys programs read'],
  ['TMPDIR', 'decides where programs write temporary files'],
  ['DISINTO_*', 'changes what disinto itself does'],
  ['SOPS_*', 'changes what sops does and which key it uses'],
]

const EXACT = new Map(REFUSED)
const PREFIXES = REFUSED.flatMap(([pattern, reason]) =>
  pattern.endsWith('*') ? [[pattern.slice(0, -1), reason] as const] : [],
)

/** Whether an environment can hold this name. */
export function isLegalName(name: string): boolean {
  return LEGAL.test(name)
}

function reasonAgainst(name: string): string | undefined {
  return EXACT.get(name) ?? PREFIXES.find(([prefix]) => name.startsWith(prefix))?.[1]
}

/** Throws unless a file may set this name: `path` is the file, `allow` the names let through by option. */
export function checkName(name: string, path: string, allow: ReadonlySet<string>): void {
  if (!LEGAL.test(name)) throw failure('name-bad', { path, name })
  if (allow.has(name)) return
  const reason = reasonAgainst(name)
  if (reason !== undefined) throw failure('name-refused', { path, name, reason })
}
