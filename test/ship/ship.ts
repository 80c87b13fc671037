/** What the tests of this directory share: Dockerfiles of the docs, containers that go away, the shim's image. */
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { onTestFinished } from 'vitest'
import { docker, must, type Place, REPOSITORY, type Result } from '../image/image.ts'

/** Images of this run; `removeImages` takes them away. */
const TAG = randomBytes(6).toString('hex')
export const SHIM_IMAGE = `disinto-ship-shim:${TAG}`
const LABEL = `disinto.ship=${TAG}`

export async function scratchDirectory(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'disinto-ship-'))
}

/** Builds a Dockerfile's text; the context is empty but for the files named. */
export async function buildText(tag: string, text: string, context?: string): Promise<void> {
  const directory = await scratchDirectory()
  try {
    await writeFile(join(directory, 'Dockerfile'), text)
    await buildFile(tag, join(directory, 'Dockerfile'), context ?? directory)
  } finally {
    await rm(directory, { recursive: true })
  }
}

export async function buildFile(
  tag: string,
  file: string,
  context: string,
  more: readonly string[] = [],
): Promise<void> {
  const words = [
    'build',
    '--network',
    'host',
    '--tag',
    tag,
    '--label',
    LABEL,
    '--file',
    file,
    ...more,
    context,
  ]
  const { exitCode, stderr } = await execa('docker', words, {
    env: { DOCKER_BUILDKIT: '1', BUILDKIT_PROGRESS: 'plain' },
    reject: false,
    timeout: 1_500_000,
  })
  if (exitCode !== 0) throw new Error(`docker build failed:\n${stderr.split('\n').slice(-30).join('\n')}`)
}

/** The stage of Dockerfile.agent that has the bundles alone. */
export const buildShimImage = (): Promise<void> =>
  buildFile(SHIM_IMAGE, join(REPOSITORY, 'Dockerfile.agent'), REPOSITORY, ['--target', 'shim'])

/**
 * The image of a Dockerfile in docs/install.md, from the base that stands in for the one it names.
 * Only its FROM line and the name of the shim's image are replaced.
 */
export async function imageOfDocs(name: string, base: string): Promise<string> {
  const page = await readFile(join(REPOSITORY, 'docs/install.md'), 'utf8')
  const text = page.split(`<!-- image: ${name} -->\n\`\`\`dockerfile\n`)[1]?.split('```')[0]
  if (text === undefined) throw new Error(`docs/install.md has no Dockerfile for ${name}`)
  const tag = `disinto-ship-${name}:${TAG}`
  await buildText(
    tag,
    text.replace(/^FROM .*$/m, `FROM ${base}`).replace('=disinto-shim ', `=${SHIM_IMAGE} `),
  )
  return tag
}

export function standIn(name: string): string {
  return `disinto-ship-base-${name}:${TAG}`
}

export async function removeImages(): Promise<void> {
  const ids = await must('docker', ['ps', '--all', '--quiet', '--filter', `label=${LABEL}`])
  if (ids !== '') await must('docker', ['rm', '--force', '--volumes', ...ids.split('\n')])
  const tags = await must('docker', ['images', '--format', '{{.Repository}}:{{.Tag}}'])
  const ours = tags.split('\n').filter((tag) => tag.startsWith('disinto-ship-') && tag.endsWith(`:${TAG}`))
  if (ours.length > 0) await docker(['rmi', '--force', ...ours])
}

/** `docker run` of any image in the foreground. */
export function runImage(
  image: string,
  flags: readonly string[],
  words: readonly string[] = [],
): Promise<Result> {
  return docker(['run', '--rm', '--label', LABEL, ...flags, image, ...words])
}

/** Flags that mount a place as docs/install.md says: the key where only root can enter. */
export function mountsAtRoot(place: Place): string[] {
  return [
    ...['--volume', `${place.path('.env.enc')}:/etc/disinto/.env.enc:ro`],
    ...['--volume', `${place.path('secrets')}:/etc/disinto/secrets:ro`],
    ...['--volume', `${place.path('age')}:/root/.config/sops/age:ro`],
  ]
}

/** Runs a program without waiting for anything else; for checks before the tests of a file. */
export function answers(program: string, words: readonly string[]): boolean {
  return spawnSync(program, words, { stdio: 'ignore' }).status === 0
}

export function atEnd(step: () => Promise<unknown>): void {
  onTestFinished(async () => {
    await step()
  })
}
