import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'esbuild'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { must, REPOSITORY } from '../image/image.ts'

describe('the bill of materials', () => {
  interface Component {
    readonly name: string
    readonly version: string
    readonly purl: string
  }

  test('has every package that is in the bundles, in the version that is installed', async () => {
    const { components } = JSON.parse(
      await must('npm', ['sbom', '--package-lock-only', '--sbom-format', 'cyclonedx'], { cwd: REPOSITORY }),
    ) as {
      components: Component[]
    }
    const { metafile } = await build({
      absWorkingDir: REPOSITORY,
      entryPoints: ['src/entrypoint.ts', 'src/disinto.ts'],
      bundle: true,
      platform: 'node',
      outdir: 'entrypoint',
      write: false,
      metafile: true,
    })
    const names = Object.keys(metafile.inputs).map(
      (path) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1],
    )
    const inside = [...new Set(names)].filter((name) => name !== undefined)
    expect(inside).toEqual(expect.arrayContaining(['age-encryption', 'dotenv', 'minimist', 'yaml']))
    for (const name of inside) {
      const { version } = JSON.parse(
        await readFile(join(REPOSITORY, 'node_modules', name, 'package.json'), 'utf8'),
      )
      expect(components.map((one) => `${one.name} ${one.version}`)).toContain(`${name} ${version}`)
    }
  })
})

describe('the changelog', () => {
  test('is in the form of Keep a Changelog', async () => {
    const text = await readFile(join(REPOSITORY, 'CHANGELOG.md'), 'utf8')
    expect(text).toMatch(/^# Changelog\n/)
    const headings = text.split('\n').filter((line) => /^##/.test(line))
    expect(headings[0]).toBe('## [Unreleased]')
    for (const heading of headings.slice(1)) {
      expect(heading).toMatch(
        /^(?:## \[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d|### (?:Added|Changed|Deprecated|Removed|Fixed|Security))$/,
      )
    }
  })
})

describe('the workflows', async () => {
  interface Step {
    readonly uses?: string
    readonly run?: string
    readonly with?: Record<string, unknown>
  }
  interface Workflow {
    readonly permissions: Record<string, string>
    readonly jobs: Record<string, { permissions?: Record<string, string>; steps?: Step[]; uses?: string }>
  }
  const directory = join(REPOSITORY, '.github/workflows')
  const files = await readdir(directory)
  const texts = new Map<string, string>()
  for (const file of files) texts.set(file, await readFile(join(directory, file), 'utf8'))
  const workflow = (file: string): Workflow => parse(texts.get(file) ?? '')
  const steps = (file: string) => Object.values(workflow(file).jobs).flatMap((job) => job.steps ?? [])

  test.each(files)('%s pins every action by its hash, and says which version that is', (file) => {
    const uses = [...(texts.get(file) ?? '').matchAll(/uses: (.*)/g)].map(([, action]) => action)
    expect(uses.length).toBeGreaterThan(0)
    for (const action of uses) {
      expect(action).toMatch(
        /^(?:\.\/\.github\/workflows\/ci\.yml # zizmor: ignore\[self-repository\]|[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+)$/,
      )
    }
  })

  test.each(files)(
    '%s may only read, unless a job says otherwise, and leaves no token in the clone',
    (file) => {
      expect(workflow(file).permissions).toEqual({ contents: 'read' })
      for (const step of steps(file).filter(({ uses }) => uses?.startsWith('actions/checkout@'))) {
        expect(step.with?.['persist-credentials']).toBe(false)
      }
    },
  )

  test.each(files)('%s keeps no secret, and puts no text of an event into a shell', (file) => {
    expect(texts.get(file)).not.toMatch(/secrets\.|NODE_AUTH_TOKEN|pull_request_target/)
    for (const { run } of steps(file)) expect(run ?? '').not.toContain('${{')
  })

  test('ci.yml runs what every other machine runs', () => {
    expect(steps('ci.yml').some(({ run }) => run?.includes('bash .ci/run'))).toBe(true)
  })

  test('release.yml tests first, and publishes with provenance and no token', () => {
    const { jobs } = workflow('release.yml')
    expect(jobs).toMatchObject({
      test: { uses: './.github/workflows/ci.yml' },
      package: { needs: 'test', permissions: { contents: 'read', 'id-token': 'write' } },
      image: { needs: 'package', permissions: { contents: 'read', packages: 'write', 'id-token': 'write' } },
      release: { needs: 'image', permissions: { contents: 'write', packages: 'read' } },
    })
    expect(steps('release.yml').some(({ run }) => run === 'npm publish --provenance --access public')).toBe(
      true,
    )
  })

  test('release.yml pushes an image from bases by digest, with provenance and bill of materials, and signs it', async () => {
    const commands = steps('release.yml')
      .map(({ run }) => run ?? '')
      .join('\n')
    expect(commands).toMatch(
      /buildx build .*"\$\{bases\[@\]\}".* --provenance=mode=max --sbom=true .*--push/s,
    )
    expect(commands).toMatch(/cosign sign --yes "\$IMAGE"\n.*cosign verify "\$IMAGE"/s)
    // The script that finds the bases, on the Dockerfile as it is: what it does not find is not by digest.
    const script = /sed -n '(.*)' Dockerfile\.agent/.exec(commands)?.[1] ?? ''
    const bases = await must('sed', ['-n', script, join(REPOSITORY, 'Dockerfile.agent')])
    const names = bases.split('\n').map((line) => line.split('=')[0])
    const dockerfile = await readFile(join(REPOSITORY, 'Dockerfile.agent'), 'utf8')
    for (const [, from] of dockerfile.matchAll(/^FROM (\S+)/gm)) {
      if (from !== 'scratch') expect(names.map((name) => `\${${name}}`)).toContain(from)
    }
  })
})
