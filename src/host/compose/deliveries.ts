/** Secrets as files for images of others, written into memory by a service of ours. */
import * as v from 'valibot'
import { isLegalName, partsOfName } from '../../load/names.ts'
import { failure } from '../errors.ts'
import { AGENTS } from '../project.ts'
import type { Granted, GrantedFile } from './granted.ts'
import { imageOf } from './images.ts'
import type { Model, Service } from './model.ts'

/** Where services find them, as with compose's own secrets. */
const TARGET = '/run/secrets'
/** The same in the service that writes them. */
const WRITTEN = '/run/disinto-secrets'
/** In memory, so that it is of this start of the container. */
const READY = '/dev/shm/disinto-ready'

const Id = v.pipe(v.union([v.number(), v.string()]), v.transform(String), v.regex(/^\d{1,10}$/))
/** Octal text, or the number that YAML has made of it. */
const Mode = v.pipe(
  v.union([
    v.string(),
    v.pipe(
      v.number(),
      v.transform((mode) => mode.toString(8)),
    ),
  ]),
  v.regex(/^0?[0-7]{3}$/),
)
/** Belongs to root, and everyone in that one container may read it, as compose has it. */
const USUAL = { mode: '0444', uid: '0', gid: '0' }
const File = v.union([
  v.pipe(
    v.string(),
    v.transform((source) => ({ source, ...USUAL })),
  ),
  v.strictObject({
    source: v.string(),
    mode: v.optional(Mode, USUAL.mode),
    uid: v.optional(Id, USUAL.uid),
    gid: v.optional(Id, USUAL.gid),
  }),
])
const Files = v.record(v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-][A-Za-z0-9_.-]*$/)), File)

/** One file that a service gets. */
interface DeliveredFile {
  readonly file: string
  /** The name of the secret. */
  readonly source: string
  readonly mode: string
  readonly uid: string
  readonly gid: string
}

/** A service of another's image that gets secrets as files. */
export interface Delivery {
  readonly service: string
  /** The service of ours that writes them. */
  readonly writer: string
  readonly volume: string
  readonly files: readonly DeliveredFile[]
  /** The image that it is made of. */
  readonly image: string
}

/** Whether a service gets files, and so neither key nor shim. */
export function isDelivered({ delivers }: Service): boolean {
  return delivers !== undefined
}

function filesOf({ name, delivers }: Service): DeliveredFile[] {
  // A list is an object as well.
  const parsed = v.safeParse(Files, Array.isArray(delivers) ? undefined : delivers)
  if (!parsed.success) {
    const [issue] = parsed.issues
    throw failure('files-wrong', { service: name, where: v.getDotPath(issue) ?? 'secrets' })
  }
  return Object.entries(parsed.output).map(([file, given]) => {
    if (!isLegalName(given.source)) throw failure('files-wrong', { service: name, where: `${file}.source` })
    return { file, ...given }
  })
}

/** The image with the shim that the stack has: that of `agents`, unless the file names one. */
function imageFor(model: Model): string {
  const agents = model.services.find(({ name }) => name === AGENTS)
  return model.image ?? (agents === undefined ? 'disinto-agent' : imageOf(model, agents))
}

/** The services that get files. Throws files-wrong, files-beside and files-name. */
export function deliveriesOf(model: Model): Delivery[] {
  return model.services.filter(isDelivered).map((service) => {
    const { name, mounts, secrets } = service
    const writer = `${name}-secrets`
    if (model.services.some((other) => other.name === writer))
      throw failure('files-name', { service: name, writer })
    if (secrets.length > 0 || mounts.some(({ target }) => `${target}/`.startsWith(`${TARGET}/`)))
      throw failure('files-beside', { service: name })
    return {
      service: name,
      writer,
      volume: `disinto-secrets-${name}`,
      files: filesOf(service),
      image: imageFor(model),
    }
  })
}

/** The granted files that hold the secrets of a delivery, a value of the service's own first. Throws files-ungranted. */
export function grantedFor({ service, files }: Delivery, granted: Granted): GrantedFile[] {
  const sources = [...new Set(files.map(({ source }) => source))]
  const found = sources.map((source) =>
    [`${source}@${service}`, source]
      .map((secret) => granted.secrets.find((file) => file.secret === secret))
      .find((file) => file !== undefined),
  )
  const missing = sources.filter((_, at) => found[at] === undefined)
  if (missing.length > 0) throw failure('files-ungranted', { service, names: missing })
  return found.filter((file) => file !== undefined)
}

/** What the writer runs: names, modes and owners, and no value. */
export function writerScript(files: readonly DeliveredFile[]): string {
  const written = files.map(({ file }) => `"${WRITTEN}/${file}"`).join(' ')
  // In quotes: `esac` is a word of the shell's.
  const kept = files.map(({ file }) => `"${file}"`).join('|')
  const sources = [...new Set(files.map(({ source }) => `"$${source}_FILE"`))].join(' ')
  return [
    'set -eu; umask 077',
    // A volume of this name that there was before, or that the file names otherwise, would be on a disk.
    `grep -q ' ${WRITTEN} tmpfs ' /proc/mounts || { echo 'disinto: error: the volume for these files is not in memory: remove it (docker volume ls), then disinto up' >&2; exit 1; }`,
    `trap 'rm -f ${written}; exit 0' TERM INT`,
    // What an earlier one has left, and nobody asks for any more; the others are there until they are replaced.
    `for f in ${WRITTEN}/* ${WRITTEN}/.*.new; do case "\${f##*/}" in ${kept}) ;; *) rm -f "$f" ;; esac; done`,
    `put() { cp "$1" "${WRITTEN}/.$2.new"; chmod "$3" "${WRITTEN}/.$2.new"; chown "$4" "${WRITTEN}/.$2.new"; mv -f "${WRITTEN}/.$2.new" "${WRITTEN}/$2"; }`,
    ...files.map(
      ({ file, source, mode, uid, gid }) => `put "$${source}_FILE" "${file}" ${mode} ${uid}:${gid}`,
    ),
    `rm -f ${sources}`,
    `: > ${READY}`,
    'while :; do sleep 3600 & wait $!; done',
  ].join('\n')
}

/** What the shim in the writer is told. */
export function writerEnvironment(secrets: readonly GrantedFile[]): Record<string, string> {
  const names = secrets.map(({ secret }) => partsOfName(secret)?.name ?? secret)
  const renamed = secrets.flatMap(({ secret }) => {
    const parts = partsOfName(secret)
    return parts === undefined ? [] : [`${parts.name}=${secret}`]
  })
  return {
    // It changes owners, and has nobody beside it.
    DISINTO_USER: 'root',
    DISINTO_ONLY: names.join(','),
    DISINTO_REQUIRE: names.join(','),
    DISINTO_AS_FILE: names.join(','),
    ...(renamed.length > 0 && { DISINTO_AS: renamed.join(',') }),
  }
}

/** The volumes that hold the files: in memory, and empty as soon as nothing mounts them. */
export function volumesFor(deliveries: readonly Delivery[]): Record<string, object> {
  const options = { type: 'tmpfs', device: 'tmpfs', o: 'mode=0755,size=64m,nosuid,nodev,noexec' }
  return Object.fromEntries(
    deliveries.map(({ volume }) => [volume, { driver: 'local', driver_opts: options }]),
  )
}

function mountOf({ volume }: Delivery, target: string, readOnly: boolean): object {
  return { type: 'volume', source: volume, target, read_only: readOnly, volume: { nocopy: true } }
}

/** What is laid over the service that gets the files: they are there before it starts. */
export function consumerOverride(delivery: Delivery, stamp: string): object {
  return {
    volumes: [mountOf(delivery, TARGET, true)],
    depends_on: { [delivery.writer]: { condition: 'service_healthy' } },
    // Made anew when a value changes, as the services with the shim are.
    labels: { 'disinto.secrets': stamp },
  }
}

/** The service that writes the files; `key` is where its key is, and the mounts of that and of the granted files. A dollar sign is written twice. */
export function writerService(
  delivery: Delivery,
  secrets: readonly GrantedFile[],
  key: { readonly file: string; readonly binds: readonly object[] },
  stamp: string,
): object {
  return {
    image: delivery.image,
    pull_policy: 'never',
    user: '0:0',
    command: ['sh', '-c', writerScript(delivery.files).replaceAll('$', '$$$$')],
    environment: { ...writerEnvironment(secrets), SOPS_AGE_KEY_FILE: key.file },
    network_mode: 'none',
    read_only: true,
    cap_drop: ['ALL'],
    // For the key, which belongs to whoever keeps it, for the owners of the files, and to be root and nobody else.
    cap_add: ['DAC_OVERRIDE', 'CHOWN', 'SETGID', 'SETUID'],
    security_opt: ['no-new-privileges:true'],
    restart: 'unless-stopped',
    healthcheck: { test: ['CMD', 'test', '-e', READY], interval: '3s', timeout: '10s', retries: 20 },
    labels: { 'disinto.secrets': stamp },
    volumes: [...key.binds, mountOf(delivery, WRITTEN, false)],
  }
}

/**
 * The services of ours, for commands of compose that stop or show what there is: else it takes their containers for
 * those of another file. undefined where there are none.
 */
export function writersDocument(model: Model): string | undefined {
  const deliveries = deliveriesOf(model)
  if (deliveries.length === 0) return undefined
  const services = deliveries.map(({ writer, image, ...rest }) => [
    writer,
    { image, volumes: [mountOf({ writer, image, ...rest }, WRITTEN, false)] },
  ])
  return `${JSON.stringify({ services: Object.fromEntries(services), volumes: volumesFor(deliveries) })}\n`
}
