import { expect, test } from 'vitest'
import { readFields, shimCall } from '../../../../src/host/compose/images.ts'

const SHIM = ['/usr/bin/env', '-S', 'NODE_OPTIONS= node /opt/disinto/entrypoint.js']
const imageOf = (
  entrypoint: readonly string[] | null,
  command: readonly string[] | null,
  variables: readonly string[],
) => {
  const image = readFields([entrypoint, variables, command].map((part) => JSON.stringify(part)).join('\n'))
  if (image === undefined) throw new Error('not read')
  return image
}

test('a call of the shim is found in the entrypoint or the command, with its options and without what it becomes', async () => {
  const words = ['--key-types', 'hc_vault,age', '--user=app', '--', 'sleep', '9']
  for (const image of [
    imageOf(SHIM, words, ['DISINTO_USER=agent']),
    imageOf([...SHIM, ...words.slice(0, 3)], words.slice(3), ['DISINTO_USER=agent']),
    imageOf(null, [...SHIM, ...words], ['DISINTO_USER=agent']),
  ]) {
    const call = await shimCall(image)
    expect(call?.words).toEqual([...SHIM, '--key-types', 'hc_vault,age', '--user=app'])
    expect(call?.options.user).toBe('app')
    expect(call?.options.keyTypes).toEqual(new Set(['age', 'hc_vault']))
  }
})

test('words of the command itself are no options of the shim', async () => {
  const call = await shimCall(imageOf(SHIM, ['sh', '--user', 'app'], ['DISINTO_USER=agent']))
  expect(call?.words).toEqual(SHIM)
  expect(call?.options.user).toBe('agent')
  expect(await shimCall(imageOf(['sleep'], ['9'], []))).toBeUndefined()
})
