/**
 * The bill of materials of the agent image, as CycloneDX 1.6 JSON: what Debian installed, the Node it runs on, every
 * Go module in sops and age, and every npm package that is in the bundles.
 *
 *   node tools/sbom.mjs IMAGE [FILE]       default: standard output
 *
 * The same image and commit give the same bytes. Needs docker and go (to read what is in a Go binary, not to build).
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const GO_PROGRAMS = ['sops', 'age', 'age-keygen']

function run(program, words) {
  return execFileSync(program, words, { encoding: 'utf8', maxBuffer: 256 * 1024 * 1024 })
}

const inImage = (image, ...words) =>
  run('docker', ['run', '--rm', '--network', 'none', '--entrypoint', ...words.toSpliced(1, 0, image)])

/** A purl's parts, percent-encoded as its specification has it. */
const encode = (text) => encodeURIComponent(text).replaceAll('%3A', ':')

function debianPackages(image) {
  const format =
    // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own placeholders
    '${Package}\\t${Version}\\t${Architecture}\\t${source:Package}\\t${source:Version}\\t${db:Status-Abbrev}\\n'
  return inImage(image, 'dpkg-query', '--show', `--showformat=${format}`)
    .trimEnd()
    .split('\n')
    .map((line) => line.split('\t'))
    .filter(([, , , , , status]) => status.startsWith('ii'))
    .map(([name, version, architecture, source, sourceVersion]) => {
      const upstream =
        source === name && sourceVersion === version
          ? ''
          : `&upstream=${encode(`${source}@${sourceVersion}`)}`
      const purl = `pkg:deb/debian/${encode(name)}@${encode(version)}?arch=${architecture}${upstream}&distro=debian-12`
      return { type: 'library', name, version, purl }
    })
}

function node(image) {
  const version = inImage(image, 'node', '--print', 'process.versions.node').trim()
  const parts = JSON.parse(inImage(image, 'node', '--print', 'JSON.stringify(process.versions)'))
  const component = { type: 'application', name: 'node', version, purl: `pkg:generic/node@${version}` }
  const inside = [
    'v8',
    'uv',
    'zlib',
    'openssl',
    'llhttp',
    'undici',
    'nghttp2',
    'ada',
    'simdjson',
    'brotli',
    'sqlite',
    'zstd',
  ]
  // What Node carries inside itself; an advisory about OpenSSL, for example, is about these.
  const components = inside
    .filter((name) => parts[name] !== undefined)
    .map((name) => ({
      type: 'library',
      name,
      version: parts[name],
      purl: `pkg:generic/${name}@${encode(parts[name])}`,
    }))
  return [{ ...component, components }]
}

/** `go version -m` of the image's programs: one component for each, with its modules inside it. */
function goPrograms(image) {
  const directory = mkdtempSync(join(tmpdir(), 'disinto-sbom-'))
  const container = run('docker', ['create', image]).trim()
  try {
    return GO_PROGRAMS.map((program) => {
      const path = join(directory, program)
      run('docker', ['cp', `${container}:/usr/local/bin/${program}`, path])
      const lines = run('go', ['version', '-m', path]).trimEnd().split('\n')
      const go = /go(\d[\w.]*)/.exec(lines[0].slice(path.length))?.[1]
      if (go === undefined) throw new Error(`${program}: go version -m says no version: ${lines[0]}`)
      const rows = lines.slice(1).map((line) => line.trim().split('\t'))
      const main = rows.find(([kind]) => kind === 'mod')
      const modules = []
      for (const [kind, module, version, sum] of rows) {
        // A `=>` line replaces the module in the line before it.
        if (kind === '=>') modules.pop()
        if (kind === 'dep' || kind === '=>') modules.push({ module, version, sum })
      }
      const component = ({ module, version, sum }) => ({
        type: 'library',
        name: module,
        version,
        purl: `pkg:golang/${module.split('/').map(encode).join('/')}@${encode(version)}`,
        ...(sum === undefined ? {} : { properties: [{ name: 'go:sum', value: sum }] }),
      })
      return {
        type: 'application',
        name: program,
        version: main[2],
        purl: `pkg:golang/${main[1]}@${main[2]}`,
        hashes: [{ alg: 'SHA-256', content: createHash('sha256').update(readFileSync(path)).digest('hex') }],
        components: [
          { type: 'library', name: 'stdlib', version: go, purl: `pkg:golang/stdlib@${go}` },
          ...modules.map(component),
        ],
      }
    })
  } finally {
    run('docker', ['rm', container])
    rmSync(directory, { recursive: true })
  }
}

/** The packages whose code is in a bundle, as the lock file has them; esbuild tells which. */
async function bundles() {
  const { name, version, license } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'))
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: ['src/entrypoint.ts', 'src/disinto.ts'],
    outdir: 'unused',
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    write: false,
    metafile: true,
    logLevel: 'silent',
  })
  const used = new Set()
  for (const { inputs } of Object.values(metafile.outputs)) {
    for (const [path, { bytesInOutput }] of Object.entries(inputs)) {
      const folder = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0]
      if (folder !== undefined && bytesInOutput > 0) used.add(folder)
    }
  }
  const components = [...used].map((folder) => {
    const entry = lock.packages[folder]
    if (entry === undefined) throw new Error(`${folder} is in a bundle and not in package-lock.json`)
    const full = folder.split('node_modules/').at(-1)
    const [algorithm, hash] = (entry.integrity ?? '').split(/-(.*)/s)
    const slash = full.indexOf('/')
    return {
      type: 'library',
      ...(slash === -1 ? {} : { group: full.slice(0, slash) }),
      name: full.slice(slash + 1),
      version: entry.version,
      ...(entry.license === undefined ? {} : { licenses: [{ license: { id: entry.license } }] }),
      purl: `pkg:npm/${full.replace('@', '%40')}@${entry.version}`,
      ...(algorithm === 'sha512'
        ? { hashes: [{ alg: 'SHA-512', content: Buffer.from(hash, 'base64').toString('hex') }] }
        : {}),
    }
  })
  return [
    {
      type: 'application',
      name,
      version,
      licenses: [{ license: { id: license } }],
      purl: `pkg:npm/${name}@${version}`,
      components,
    },
  ]
}

const byPurl = (a, b) => (a.purl < b.purl ? -1 : a.purl > b.purl ? 1 : 0)

/** References are unique in a document, though two programs may have the same module: the outer one's comes first. */
function withReferences(components, within = '') {
  return components.toSorted(byPurl).map(({ components: inner, ...component }) => {
    const reference = `${within}${component.purl}`
    return {
      type: component.type,
      'bom-ref': reference,
      ...component,
      ...(inner === undefined ? {} : { components: withReferences(inner, `${reference}#`) }),
    }
  })
}

export async function billOfMaterials(image) {
  const [{ Id: id, Config: config, Created: created }] = JSON.parse(
    run('docker', ['image', 'inspect', image]),
  )
  const version = config.Labels?.['org.opencontainers.image.version'] ?? 'dev'
  const components = [...debianPackages(image), ...node(image), ...goPrograms(image), ...(await bundles())]
  const document = {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: {
      // The image's time, not ours.
      timestamp: new Date(created).toISOString(),
      component: {
        type: 'container',
        'bom-ref': 'image',
        name: 'disinto-agent',
        version,
        hashes: [{ alg: 'SHA-256', content: id.replace('sha256:', '') }],
      },
    },
    components: withReferences(components),
  }
  return `${JSON.stringify(document, null, 2)}\n`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [image, file] = process.argv.slice(2)
  if (image === undefined) {
    console.error('usage: node tools/sbom.mjs IMAGE [FILE]')
    process.exit(2)
  }
  const text = await billOfMaterials(image)
  if (file === undefined) process.stdout.write(text)
  else writeFileSync(file, text)
}
