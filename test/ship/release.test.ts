import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Spec, Validation } from '@cyclonedx/cyclonedx-library'
import { beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import packageJson from '../../package.json' with { type: 'json' }
import { build, docker, IMAGE, must, REPOSITORY } from '../image/image.ts'

describe('the bill of materials', () => {
  interface Component {
    readonly group?: string
    readonly name: string
    readonly version: string
    readonly purl: string
    readonly components?: readonly Component[]
  }
  let text = ''
  let components: readonly Component[] = []
  const make = () => must(process.execPath, [join(REPOSITORY, 'tools/sbom.mjs'), IMAGE])
  const named = (name: string) => components.find((component) => component.name === name)

  beforeAll(async () => {
    await build(IMAGE, REPOSITORY)
    text = await make()
    components = (JSON.parse(text) as { components: Component[] }).components
  }, 1_800_000)

  test('is valid CycloneDX 1.6', async () => {
    const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6)
    expect(await validator.validate(text)).toBeNull()
    const broken: Record<string, unknown> = JSON.parse(text)
    broken['bomFormat'] = 'Other'
    expect(await validator.validate(JSON.stringify(broken))).not.toBeNull()
  })

  test('is the same for the same image', async () => {
    expect((await make()) === text).toBe(true)
  })

  test('has every Debian package of the image', async () => {
    const words = ['run', '--rm', '--network', 'none', '--entrypoint', 'sh', IMAGE]
    const { stdout } = await docker([
      ...words,
      '-c',
      'grep -c "^Status: install ok installed" /var/lib/dpkg/status',
    ])
    expect(components.filter(({ purl }) => purl.startsWith('pkg:deb/')).length).toBe(Number(stdout))
    expect(named('git')?.purl).toMatch(/^pkg:deb\/debian\/git@/)
  })

  test('has sops and age with their modules, in the versions that are pinned', async () => {
    const pins: Record<'sops' | 'age', { version: string }> = JSON.parse(
      await readFile(join(REPOSITORY, 'tools/versions.json'), 'utf8'),
    )
    expect(named('sops')?.version).toBe(`v${pins.sops.version}`)
    expect(named('age')?.version).toBe(`v${pins.age.version}`)
    const modules = named('sops')?.components?.map(({ name }) => name)
    expect(modules).toEqual(expect.arrayContaining(['stdlib', 'filippo.io/age', 'golang.org/x/crypto']))
  })

  test('has the packages that are in the bundles, and none that only builds or tests them', () => {
    const inside = named('disinto')?.components ?? []
    const names = inside.map(({ group, name }) => (group === undefined ? name : `${group}/${name}`))
    expect(names).toEqual(
      expect.arrayContaining(['age-encryption', 'dotenv', 'minimist', 'yaml', '@noble/curves']),
    )
    for (const tool of ['vitest', 'typescript', 'esbuild', 'fast-check', 'kubernetes-models']) {
      expect(names).not.toContain(tool)
    }
    for (const [name, version] of Object.entries(packageJson.devDependencies)) {
      const component = inside.find(
        ({ group, name: bare }) => [group, bare].filter(Boolean).join('/') === name,
      )
      if (component !== undefined) expect(component.version, name).toBe(version)
    }
  })

  test('has Node and the OpenSSL inside it', () => {
    expect(named('node')?.components?.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['openssl', 'v8']),
    )
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
        /^(?:\.\/\.github\/workflows\/ci\.yml|[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+)$/,
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
      release: { needs: 'package', permissions: { contents: 'write' } },
    })
    expect(steps('release.yml').some(({ run }) => run === 'npm publish --provenance --access public')).toBe(
      true,
    )
  })
})
