/**
 * Names that would take over the command, sorted by what they take over; with `*`, all that begin so. A list has no end:
 * docs/threat-model.md says what `--only` does about that. Names that projects keep in their .env and that run nothing
 * (DATABASE_URL, AWS_PROFILE, NODE_ENV, GIT_AUTHOR_NAME, tokens of package managers) are not on it.
 */

export interface TakeOver {
  /** What the names take over. */
  readonly of: string
  readonly names: ReadonlyArray<readonly [pattern: string, reason: string]>
}

/** A row for each of several names that have one reason. */
const all = (reason: string, names: string): ReadonlyArray<readonly [string, string]> =>
  names.split(' ').map((name) => [name, reason] as const)

export const TAKE_OVERS: readonly TakeOver[] = [
  {
    of: 'loaders and libraries',
    names: [
      ['PATH', 'decides which programs the command runs'],
      ['LD_*', 'makes the dynamic loader run other code (ld.so(8))'],
      ['DYLD_*', 'makes the macOS loader run other code (dyld(1))'],
      ['GCONV_PATH', 'makes libc load other code (iconv(3))'],
      ['GETCONF_DIR', 'makes getconf run other programs'],
      ['GLIBC_TUNABLES', 'changes how libc allocates and checks memory'],
      ['MALLOC_*', 'changes how libc allocates and checks memory'],
      ['LOCPATH', 'makes libc read other locale files'],
      ['NLSPATH', 'makes libc read other message files'],
      ['HOSTALIASES', 'redirects host names (gethostbyname(3))'],
      ['RES_OPTIONS', 'redirects name resolution (resolv.conf(5))'],
      ['LOCALDOMAIN', 'redirects name resolution (resolv.conf(5))'],
      ...all('makes OpenSSL load other code', 'OPENSSL_CONF OPENSSL_MODULES OPENSSL_ENGINES'),
      ...all(
        'makes a library load other modules',
        'GTK_MODULES GTK_PATH GIO_MODULE_DIR GIO_EXTRA_MODULES QT_PLUGIN_PATH QT_QPA_PLATFORM_PLUGIN_PATH GST_PLUGIN_* SASL_PATH KRB5_CONFIG PKCS11_MODULE_PATH MAGICK_CODER_MODULE_PATH MAGICK_CONFIGURE_PATH LIBMYSQL_PLUGIN_DIR LIBMYSQL_PLUGINS ODBCINI ODBCSYSINI',
      ),
    ],
  },
  {
    of: 'interpreters',
    names: [
      ...all('makes Node run other code', 'NODE_OPTIONS NODE_REPL_EXTERNAL_MODULE'),
      ['NODE_PATH', 'makes Node load other modules'],
      ['ELECTRON_RUN_AS_NODE', 'makes Electron run other code'],
      ...all('makes Node run other code through ts-node', 'TS_NODE_PROJECT TS_NODE_REQUIRE TS_NODE_COMPILER'),
      ...all('makes Bun run other code', 'BUN_OPTIONS BUN_INSPECT_PRELOAD'),
      ['PYTHONSTARTUP', 'names a file that Python runs first'],
      ...all(
        'makes Python load other modules',
        'PYTHONPATH PYTHONHOME PYTHONUSERBASE PYTHONPLATLIBDIR PYTHONPYCACHEPREFIX PYTHONEXECUTABLE PYTHONWARNINGS',
      ),
      ['PYTHONBREAKPOINT', 'makes Python call other code'],
      ...all(
        'makes Python’s test runners load other code',
        'PYTEST_ADDOPTS PYTEST_PLUGINS COVERAGE_PROCESS_START',
      ),
      ...all('makes Perl run other code', 'PERL5OPT PERL5DB PERL5SHELL'),
      ...all('makes Perl load other modules', 'PERL5LIB PERLLIB'),
      ['RUBYOPT', 'makes Ruby run other code'],
      ...all('makes Ruby load other modules', 'RUBYLIB RUBYGEMS_GEMDEPS GEM_HOME GEM_PATH'),
      ['RUBYSHELL', 'is executed by Ruby'],
      ...all('makes Java load other code', 'JAVA_TOOL_OPTIONS _JAVA_OPTIONS JDK_JAVA_OPTIONS CLASSPATH'),
      ['JAVA_HOME', 'decides which Java programs run'],
      ...all('makes Lua run other code', 'LUA_INIT* LUA_PATH* LUA_CPATH*'),
      ...all('makes PHP read other settings, which name code', 'PHPRC PHP_INI_SCAN_DIR'),
      ...all(
        'makes .NET run other code',
        'DOTNET_STARTUP_HOOKS DOTNET_ADDITIONAL_DEPS DOTNET_SHARED_STORE DOTNET_ROOT* CORECLR_ENABLE_PROFILING CORECLR_PROFILER* COR_ENABLE_PROFILING COR_PROFILER*',
      ),
      ...all('makes Erlang run other code', 'ERL_FLAGS ERL_AFLAGS ERL_ZFLAGS ERL_LIBS ELIXIR_ERL_OPTIONS'),
      ...all('makes R run other code', 'R_PROFILE R_PROFILE_USER R_ENVIRON R_ENVIRON_USER R_LIBS* R_HOME'),
      ...all('makes Julia load other code', 'JULIA_LOAD_PATH JULIA_DEPOT_PATH'),
      ...all('makes Guile load other code', 'GUILE_LOAD_PATH GUILE_LOAD_COMPILED_PATH'),
      ...all(
        'makes an interpreter load other code',
        'TCLLIBPATH AWKPATH AWKLIBPATH GHC_PACKAGE_PATH CAML_LD_LIBRARY_PATH',
      ),
      ...all('is executed by vim and vi', 'VIMINIT EXINIT MYVIMRC'),
      ...all('makes an editor load other code', 'VIM VIMRUNTIME EMACSLOADPATH'),
    ],
  },
  {
    of: 'shells',
    names: [
      ['IFS', 'changes how shells split words'],
      ['ENV', 'names a file that every sh runs first'],
      ['BASH_ENV', 'names a file that every bash script runs first'],
      ['BASH_FUNC_*', 'defines a bash function'],
      ['BASH_LOADABLES_PATH', 'makes bash load other code'],
      ...all('changes how bash reads scripts', 'BASHOPTS SHELLOPTS'),
      ['PS4', 'is executed by bash -x'],
      ...all('is executed by every interactive bash', 'PROMPT_COMMAND PS0 PS1 PS2'),
      ...all('changes what shells take a word for', 'CDPATH GLOBIGNORE EXECIGNORE'),
      ...all('names a directory whose files every zsh runs first', 'ZDOTDIR FPATH'),
      ['INPUTRC', 'binds keys of an interactive shell to other words'],
      ['SHELL', 'decides which shell other programs start'],
    ],
  },
  {
    of: 'build tools',
    names: [
      ...all('makes make run other commands', 'MAKEFLAGS MFLAGS GNUMAKEFLAGS MAKEFILES MAKE'),
      ['TAR_OPTIONS', 'makes tar run other programs (--checkpoint-action)'],
      ...all(
        'is executed by build tools',
        'CC CXX PKG_CONFIG CONFIG_SHELL CONFIG_SITE CCACHE_PREFIX CCACHE_COMPILER',
      ),
      ...all(
        'makes compilers load other code',
        'CFLAGS CXXFLAGS CPPFLAGS LDFLAGS FFLAGS GCC_EXEC_PREFIX COMPILER_PATH',
      ),
      ...all(
        'makes compilers read other files',
        'LIBRARY_PATH CPATH C_INCLUDE_PATH CPLUS_INCLUDE_PATH OBJC_INCLUDE_PATH PKG_CONFIG_PATH PKG_CONFIG_LIBDIR PKG_CONFIG_SYSROOT_DIR ACLOCAL_PATH M4PATH TEXINPUTS',
      ),
      ...all('makes CMake run other programs', 'CMAKE_*'),
      ...all(
        'makes Go run other programs, or fetch other code',
        'GOFLAGS GOENV GOROOT GOPATH GOBIN GOTOOLCHAIN GOTOOLDIR GOPROXY GOSUMDB GONOSUMDB GONOSUMCHECK GOINSECURE GOCACHEPROG GOAUTH CGO_*',
      ),
      ...all(
        'makes Cargo run other programs',
        'RUSTC RUSTC_WRAPPER RUSTC_WORKSPACE_WRAPPER RUSTDOC RUSTFLAGS RUSTDOCFLAGS CARGO_ENCODED_RUSTFLAGS CARGO_HOME CARGO_BUILD_* CARGO_TARGET_* RUSTUP_*',
      ),
      ...all(
        'makes Java’s build tools load other code',
        'MAVEN_OPTS MAVEN_ARGS MAVEN_CONFIG MAVEN_HOME M2_HOME GRADLE_OPTS GRADLE_HOME GRADLE_USER_HOME SBT_OPTS ANT_OPTS ANT_ARGS ANT_HOME',
      ),
      ...all('is executed by a tool that copies files', 'RSYNC_RSH RSYNC_CONNECT_PROG CVS_RSH SVN_SSH'),
      ['ZIPOPT', 'makes zip run other programs (-TT)'],
      ['SCONSFLAGS', 'makes SCons run other code'],
    ],
  },
  {
    of: 'git and its transports',
    names: [
      ...all(
        'is executed by git',
        'GIT_SSH GIT_SSH_COMMAND GIT_ASKPASS GIT_EDITOR GIT_SEQUENCE_EDITOR GIT_PAGER GIT_EXTERNAL_DIFF GIT_PROXY_COMMAND',
      ),
      ['GIT_EXEC_PATH', 'makes git run other programs'],
      ['GIT_TEMPLATE_DIR', 'makes git install other hooks'],
      ['GIT_CONFIG*', 'changes git’s settings, which name programs to run'],
      ...all(
        'makes git use another repository, its settings and its hooks',
        'GIT_DIR GIT_COMMON_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_ATTR_SOURCE GIT_NAMESPACE',
      ),
      ...all(
        'lets git use transports that run programs (ext::)',
        'GIT_ALLOW_PROTOCOL GIT_PROTOCOL_FROM_USER',
      ),
      ['GIT_TRACE*', 'writes what git sends, tokens too, to a file'],
      ...all('is executed by ssh', 'SSH_ASKPASS SSH_SK_HELPER'),
      ['SSH_SK_PROVIDER', 'makes ssh load other code'],
      ['HGRCPATH', 'changes Mercurial’s settings, which name programs to run'],
    ],
  },
  {
    of: 'package managers',
    names: [
      ...all(
        'changes npm’s settings, which name programs, scripts and registries',
        'npm_config_* NPM_CONFIG_*',
      ),
      ...all(
        'changes where Node’s package managers take programs from',
        'COREPACK_HOME COREPACK_NPM_REGISTRY COREPACK_INTEGRITY_KEYS PNPM_HOME NVM_DIR VOLTA_HOME',
      ),
      ...all(
        'changes Yarn’s settings, which name programs',
        'YARN_RC_FILENAME YARN_PLUGINS YARN_YARN_PATH YARN_GLOBAL_FOLDER YARN_NPM_REGISTRY_SERVER',
      ),
      ['PIP_*', 'changes pip’s settings: where packages, and with them code, come from'],
      ...all(
        'changes where uv takes packages and programs from',
        'UV_INDEX UV_INDEX_URL UV_DEFAULT_INDEX UV_EXTRA_INDEX_URL UV_FIND_LINKS UV_CONFIG_FILE UV_PYTHON UV_PYTHON_INSTALL_DIR UV_TOOL_DIR UV_INSECURE_HOST',
      ),
      ...all(
        'changes where Python’s package managers take packages and programs from',
        'POETRY_HOME POETRY_CONFIG_DIR PIPX_HOME PIPX_BIN_DIR CONDARC CONDA_CHANNELS PYENV_ROOT',
      ),
      ...all(
        'makes Bundler run other code',
        'BUNDLE_GEMFILE BUNDLE_PATH BUNDLE_BIN BUNDLE_APP_CONFIG BUNDLE_USER_CONFIG BUNDLE_USER_HOME BUNDLE_MIRROR*',
      ),
      ...all('changes RubyGems’ settings', 'GEMRC RBENV_ROOT'),
      ...all('makes Composer run other code', 'COMPOSER COMPOSER_HOME COMPOSER_VENDOR_DIR COMPOSER_BIN_DIR'),
      ...all(
        'makes Perl’s installers run other code',
        'PERL_MM_OPT PERL_MB_OPT PERL_CPANM_OPT PERL_LOCAL_LIB_ROOT',
      ),
      ...all(
        'changes the settings of Debian’s package manager, which name programs',
        'APT_CONFIG DPKG_ROOT DPKG_ADMINDIR',
      ),
    ],
  },
  {
    of: 'configuration that names programs',
    names: [
      ...all(
        'decides which settings and keys programs read',
        'HOME XDG_CONFIG_HOME XDG_CONFIG_DIRS XDG_DATA_HOME XDG_DATA_DIRS XDG_CACHE_HOME XDG_STATE_HOME XDG_RUNTIME_DIR',
      ),
      ['TMPDIR', 'decides where programs write temporary files'],
      ...all('is executed by many programs', 'EDITOR VISUAL PAGER BROWSER'),
      ...all(
        'can name a program to run as the bus (D-Bus specification, unixexec)',
        'DBUS_SESSION_BUS_ADDRESS DBUS_SYSTEM_BUS_ADDRESS DBUS_STARTER_ADDRESS',
      ),
      ...all(
        'is executed by a program of its name',
        'MANPAGER SYSTEMD_PAGER SYSTEMD_EDITOR SUDO_EDITOR SUDO_ASKPASS SVN_EDITOR HGEDITOR FCEDIT KUBE_EDITOR GH_EDITOR GH_PAGER GH_BROWSER GH_PATH AWS_PAGER BAT_PAGER DELTA_PAGER PSQL_PAGER PSQL_EDITOR FZF_DEFAULT_COMMAND FZF_DEFAULT_OPTS',
      ),
      ...all('makes less run other programs', 'LESSOPEN LESSCLOSE LESSKEY LESSKEYIN LESS'),
      ...all(
        'names settings of cloud tools, which name programs',
        'AWS_CONFIG_FILE AWS_SHARED_CREDENTIALS_FILE AZURE_CONFIG_DIR AZURE_EXTENSION_DIR CLOUDSDK_CONFIG CLOUDSDK_PYTHON CLOUDSDK_PYTHON_ARGS GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES',
      ),
      ['KUBECONFIG', 'names settings of kubectl, which name programs'],
      ...all('names settings of Docker, which name programs', 'DOCKER_CONFIG BUILDKIT_HOST BUILDX_CONFIG'),
      ...all(
        'names settings of Terraform, which name programs',
        'TF_CLI_CONFIG_FILE TF_CLI_ARGS* TF_REATTACH_PROVIDERS TF_DATA_DIR',
      ),
      ...all(
        'names settings of Helm, which name programs',
        'HELM_PLUGINS HELM_BIN HELM_CONFIG_HOME HELM_DATA_HOME',
      ),
      ...all(
        'makes Ansible run other code',
        'ANSIBLE_CONFIG ANSIBLE_LIBRARY ANSIBLE_HOME ANSIBLE_COLLECTIONS_PATH ANSIBLE_ROLES_PATH ANSIBLE_ACTION_PLUGINS ANSIBLE_CALLBACK_PLUGINS ANSIBLE_CONNECTION_PLUGINS ANSIBLE_LOOKUP_PLUGINS ANSIBLE_FILTER_PLUGINS ANSIBLE_VARS_PLUGINS ANSIBLE_STRATEGY_PLUGINS ANSIBLE_MODULE_UTILS ANSIBLE_PYTHON_INTERPRETER ANSIBLE_VAULT_PASSWORD_FILE',
      ),
      ...all(
        'names settings that can name programs or files to write',
        'GNUPGHOME CURL_HOME WGETRC SYSTEM_WGETRC RIPGREP_CONFIG_PATH BAT_CONFIG_PATH STARSHIP_CONFIG PSQLRC SCREENRC GH_CONFIG_DIR PRE_COMMIT_HOME TERMINFO TERMINFO_DIRS TERMCAP',
      ),
    ],
  },
  {
    of: 'trust stores and proxies',
    names: [
      ['NODE_TLS_REJECT_UNAUTHORIZED', 'makes Node trust everybody'],
      ['PYTHONHTTPSVERIFY', 'makes Python trust everybody'],
      ...all(
        'changes who git trusts',
        'GIT_SSL_NO_VERIFY GIT_SSL_CAINFO GIT_SSL_CAPATH GIT_SSL_CERT GIT_SSL_KEY GIT_PROXY_SSL_CAINFO',
      ),
      ...all(
        'changes who programs trust',
        'SSL_CERT_FILE SSL_CERT_DIR NODE_EXTRA_CA_CERTS CURL_CA_BUNDLE REQUESTS_CA_BUNDLE AWS_CA_BUNDLE CARGO_HTTP_CAINFO CARGO_HTTP_CHECK_REVOKE DENO_CERT DENO_TLS_CA_STORE GRPC_DEFAULT_SSL_ROOTS_FILE_PATH GODEBUG',
      ),
      ['SSLKEYLOGFILE', 'writes the keys of encrypted connections to a file'],
      ...all(
        'sends what programs say through somebody else',
        'HTTP_PROXY HTTPS_PROXY ALL_PROXY FTP_PROXY SOCKS_PROXY RSYNC_PROXY http_proxy https_proxy all_proxy ftp_proxy socks_proxy GLOBAL_AGENT_HTTP_PROXY GLOBAL_AGENT_HTTPS_PROXY CARGO_HTTP_PROXY',
      ),
    ],
  },
]
