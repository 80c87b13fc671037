/** Each page that shows commands, run as it stands there. */
import { test } from 'vitest'
import { build, IMAGE } from '../image/image.ts'
import { engineAnswers, REPOSITORY, runPage } from './console.ts'

const disinto = `disinto() { node ~/disinto/entrypoint/disinto.js "$@"; }; shim() { node ~/disinto/entrypoint/entrypoint.js "$@"; }`
/** A project with one key, an env file and one secret. */
const project = `${disinto}
mkdir factory && cd factory && { disinto init && disinto secrets keygen && rm .env &&
printf 'FORGE_URL=https://forge.example\\nFORGE_TOKEN=demo-forge\\n' > .env && disinto secrets migrate &&
printf %s demo-clawhub | disinto secrets add CLAWHUB_TOKEN; } >/dev/null`

const engine = engineAnswers()
/** Where CI is set an engine that is missing must not go unnoticed. */
const withDocker = test.skipIf(!engine && !process.env['CI'])
let built: Promise<void> | undefined
const buildOnce = () => {
  built ??= build(IMAGE, REPOSITORY)
  return built
}
const HALF_AN_HOUR = 1_800_000

test('docs/tutorial.md, without Docker', () => runPage('docs/tutorial.md'))

withDocker('docs/tutorial.md, with Docker', { timeout: HALF_AN_HOUR }, async () => {
  await buildOnce()
  runPage('docs/tutorial.md', { image: IMAGE })
})

const approvals = `${project}\nmkdir -p -m 700 ~/.ssh ~/.config/sops/age/factory`

test('docs/approvals.md, without Docker', () => runPage('docs/approvals.md', { before: approvals }))

withDocker('docs/approvals.md, with Docker', { timeout: HALF_AN_HOUR }, async () => {
  await buildOnce()
  runPage('docs/approvals.md', { before: approvals, image: IMAGE })
})

test('docs/backup.md', () => runPage('docs/backup.md', { before: project }))

/** A clone that is called from other homes, too. */
const everyday = `home=$HOME; disinto() { node "$home/disinto/entrypoint/disinto.js" "$@"; }
git config --global user.name you; git config --global user.email you@example.org; git config --global init.defaultBranch main
${project.slice(disinto.length)}`

test('docs/everyday.md, without Docker', () => runPage('docs/everyday.md', { before: everyday }))

withDocker('docs/everyday.md, with Docker', { timeout: HALF_AN_HOUR }, async () => {
  await buildOnce()
  runPage('docs/everyday.md', { before: everyday, image: IMAGE })
})

test('docs/compose.md, without Docker', () => runPage('docs/compose.md', { before: disinto }))

withDocker('docs/compose.md, with Docker', { timeout: HALF_AN_HOUR }, async () => {
  await buildOnce()
  runPage('docs/compose.md', { before: disinto, image: IMAGE })
})

/** A program called disinto, as a client of MCP would start it. */
const onPath = `${project}
mkdir ~/bin && printf '#!/bin/sh\\nexec node "%s" "$@"\\n' ~/disinto/entrypoint/disinto.js > ~/bin/disinto && chmod +x ~/bin/disinto && PATH=~/bin:$PATH`

test('docs/mcp.md', () => runPage('docs/mcp.md', { before: onPath }))

test('skills/disinto/SKILL.md', () => runPage('skills/disinto/SKILL.md', { before: project }))

test('docs/git.md', () => runPage('docs/git.md', { before: project }))

/** Where pages commit. */
const committer = `${disinto}
git config --global user.name you; git config --global user.email you@example.org`

test('docs/environments.md', () => runPage('docs/environments.md', { before: committer }))

test('docs/proxy.md', () => runPage('docs/proxy.md', { before: disinto }))

test('docs/grants.md', () => runPage('docs/grants.md', { before: project }))

test('docs/migrating.md', () => runPage('docs/migrating.md', { before: disinto }))

test.each(['docs/reference-shim.md', 'docs/reference-messages.md', 'docs/reference-files.md'])('%s', (page) =>
  runPage(page, { before: project }),
)

test('README.md, without Docker', () => runPage('README.md', { before: project }))

withDocker('README.md, with Docker', { timeout: HALF_AN_HOUR }, async () => {
  await buildOnce()
  runPage('README.md', { before: project, image: IMAGE })
})
