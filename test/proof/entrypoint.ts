/** The words of the image's ENTRYPOINT, which `env -S` makes of one, for this machine's Node and bundle. */
import { readFileSync } from 'node:fs'
import { SHIM } from '../helpers/parts.ts'

const dockerfile = readFileSync(new URL('../../Dockerfile.agent', import.meta.url), 'utf8')
const words: readonly string[] = JSON.parse(/^ENTRYPOINT (\[.*\])$/m.exec(dockerfile)?.[1] ?? '[]')

/** As in the image, in one text. */
export const ENTRYPOINT = words.join(' ')

export const entrypointWords = (): readonly string[] =>
  words.map((word) =>
    word.replace('/usr/local/bin/node', process.execPath).replace('/opt/disinto/entrypoint.js', SHIM),
  )
