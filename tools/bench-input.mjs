/** What the benches time: secret files, a project with a hundred of them, and bundles as the image has them. */
import { spawnSync } from 'node:child_process'
import { copyFileSync, cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The flags of Node in the image's ENTRYPOINT that a start's time depends on. */
export const IMAGE_FLAGS = [
  '--disable-warning=ExperimentalWarning',
  '--openssl-config=/dev/null',
  '--min-semi-space-size=16',
]
/** How many secrets the project of the host command has. */
export const SECRETS = 100

/** Runs a program and returns what it printed. Throws with its words when it fails. */
export function must(program, words, options = {}) {
  const done = spawnSync(program, words, { encoding: 'utf8', ...options })
  if (done.status !== 0) throw new Error(`${program} ${words.join(' ')}: ${done.stderr ?? done.error}`)
  return done.stdout
}

export const median = (numbers) => {
  const sorted = [...numbers].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** Makes directories with so many secret files of one token each; returns where, and what starts there have. */
export function makeSecretFiles(work, sizes, { sops, ageKeygen }) {
  const key = join(work, 'keys.txt')
  const environment = { PATH: `${dirname(sops)}:${process.env.PATH}`, HOME: work, SOPS_AGE_KEY_FILE: key }
  const directoryOf = (size) => join(work, `n${size}`)
  must(ageKeygen, ['-o', key])
  const recipient = must(ageKeygen, ['-y', key]).trim()
  for (const size of sizes) mkdirSync(join(directoryOf(size), 'secrets'), { recursive: true })
  const sealWords = ['encrypt', '--age', recipient, '--filename-override', 'x']
  for (let at = 0; at < Math.max(...sizes); at += 1) {
    const name = `SECRET_${at}`
    const input = JSON.stringify({ [name]: `token-${at}-0123456789abcdef` })
    const words = [...sealWords, '--input-type', 'json', '--output-type', 'json']
    const sealed = must(sops, words, { input, env: environment })
    for (const size of sizes)
      if (at < size) writeFileSync(join(directoryOf(size), 'secrets', `${name}.enc`), sealed)
  }
  return { environment, directoryOf, recipient, sealWords }
}

/** Copies both bundles to where they are as in the image, with V8's code caches; returns the shim. */
export function asInImage({ node, sops }, tree, directory) {
  mkdirSync(directory)
  for (const name of ['entrypoint.js', 'disinto.js'])
    copyFileSync(join(tree, 'entrypoint', name), join(directory, name))
  const env = { ...process.env, PATH: `${dirname(sops)}:${process.env.PATH}` }
  must(node, [...IMAGE_FLAGS, join(tree, 'tools/code-cache.mjs'), directory], { env })
  return join(directory, 'entrypoint.js')
}

/** Makes a project of the host command in a directory that is not there yet. */
export function makeProject(node, disinto, directory) {
  const home = join(directory, 'home')
  const project = { cwd: join(directory, 'project'), env: { PATH: process.env.PATH, HOME: home } }
  mkdirSync(project.cwd, { recursive: true })
  mkdirSync(home)
  must(node, [disinto, 'init'], project)
  for (let at = 0; at < SECRETS; at += 1)
    must(node, [disinto, 'secrets', 'add', `SECRET_${at}`], { ...project, input: `token-${at}` })
  return project
}

/** A copy of a project, as it is. */
export function copyProject({ cwd }, directory) {
  cpSync(dirname(cwd), directory, { recursive: true, preserveTimestamps: true })
  return { cwd: join(directory, 'project'), env: { PATH: process.env.PATH, HOME: join(directory, 'home') } }
}

/** The rows of the host command: title, words, and what stands on standard input. */
export const HOST_ROWS = [
  { title: 'disinto version', words: ['version'] },
  {
    title: 'disinto completion, names of 100 secrets',
    words: ['completion', '--words', '--', 'secrets', 'show', ''],
  },
  { title: 'disinto secrets list, 100 secrets', words: ['secrets', 'list'] },
  { title: 'disinto secrets show, 100 secrets', words: ['secrets', 'show', 'SECRET_50'] },
  {
    title: 'disinto secrets add, 100 secrets',
    words: ['secrets', 'add', 'SECRET_50', '--force'],
    input: 'token-50',
  },
]
