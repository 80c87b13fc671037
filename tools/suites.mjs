/** The suites of tests: the one list that vitest.config.ts and tools/test.mjs read. */

/**
 * @typedef {object} Suite
 * @property {string} name its directory in test/, and what `npm test NAME` takes
 * @property {readonly string[]} nodes the Nodes of tools/versions.json that it runs under
 * @property {readonly string[]} [moreNodes] those that DEEP=1 adds, and a job of their own in CI
 * @property {number} minutes the most that one test may take: it only ends what hangs
 * @property {number} [hookMinutes] the same for what a file prepares; 1 unless told
 * @property {boolean} [alone] one file at a time: its tests would disturb each other
 * @property {'whole' | 'some'} [engine] whether it needs a Docker Engine: whole, or the files *image.test.ts
 * @property {boolean} [kubernetes] whether it needs a Kubernetes of tools/versions.json; DEEP=1: the oldest, too
 * @property {readonly string[]} [once] files that run under its last Node alone: what they are about is not of Node
 * @property {readonly string[]} [bySops] files that run once more with the sops engine where builtin would do
 */

/** Every Node of tools/versions.json. */
export const NODES = ['node20', 'node22', 'node24', 'node26']

/** @type {readonly Suite[]} */
export const SUITES = [
  // Pure code, in process; it mirrors src.
  {
    name: 'unit',
    nodes: ['node20', 'node26'],
    moreNodes: ['node22', 'node24'],
    minutes: 10,
    // How the time of our own code grows.
    once: ['time'],
  },
  // The built bundle as a process, with real sops and age.
  {
    name: 'shim',
    nodes: ['node20', 'node26'],
    moreNodes: ['node22', 'node24'],
    minutes: 3,
    bySops: ['dotenv', 'environment', 'keys', 'names', 'sources', 'tampered', 'values'],
  },
  // The host command as a process, with real sops and age.
  {
    name: 'host',
    nodes: ['node20', 'node26'],
    moreNodes: ['node22', 'node24'],
    minutes: 3,
    // Rules, files and git, of which the suite unit runs the code under both; hundreds of starts under strace. What is left
    // is about the process: terminals, signals, pipes and words. `npm test host node20` runs all, as a job in CI does.
    once: [
      ...['access', 'approval', 'compose-env', 'compose-read', 'doctor-env', 'environments', 'grants'],
      ...['git-check', 'git-diff', 'git-hostile', 'git-merge', 'git-pre-commit', 'git-scan', 'git-setup'],
      ...['hostile-links', 'init-proxy', 'kill', 'migrate', 'recipients'],
    ],
  },
  // The commands of the pages in docs/, run as they stand there.
  { name: 'docs', nodes: ['node26'], minutes: 5, hookMinutes: 20 },
  // A Vault (OpenBao) and an AWS KMS (moto) of our own.
  { name: 'kms', nodes: ['node26'], minutes: 3, hookMinutes: 30, alone: true, engine: 'some' },
  // Both engines, and sops and age, on the same input.
  { name: 'differential', nodes: ['node26'], minutes: 60 },
  // The promises of DESIGN.md about a start, on the bundle and the image, with real parts.
  { name: 'proof', nodes: ['node26'], minutes: 10, hookMinutes: 20, alone: true, engine: 'some' },
  // The agent image on a Docker Engine.
  { name: 'image', nodes: ['node26'], minutes: 10, hookMinutes: 20, alone: true, engine: 'whole' },
  // The host command with a Docker Engine.
  { name: 'stack', nodes: ['node26'], minutes: 20, hookMinutes: 20, alone: true, engine: 'whole' },
  // The package, the shim in other images, Swarm, manifests, the bills of materials.
  { name: 'ship', nodes: ['node26'], minutes: 10, hookMinutes: 20, alone: true, engine: 'whole' },
  // Other runtimes than Docker's: Podman, systemd as process 1, gVisor.
  { name: 'runtimes', nodes: ['node26'], minutes: 5, hookMinutes: 30, alone: true, engine: 'whole' },
  // The manifests on a real Kubernetes of one node.
  {
    name: 'cluster',
    nodes: ['node26'],
    minutes: 10,
    hookMinutes: 30,
    alone: true,
    engine: 'whole',
    kubernetes: true,
  },
]

/** What runs beside each other, by names of suites: those of a lane run one after another, in its order. */
export const LANES = [
  ['shim', 'host'],
  ['kms', 'image', 'stack'],
  ['unit', 'docs', 'differential', 'proof', 'ship', 'runtimes', 'cluster'],
]
