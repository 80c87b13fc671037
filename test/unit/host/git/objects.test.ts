import { expect, test } from 'vitest'
import { objectParser } from '../../../../src/host/git/objects.ts'
import { readRawLog } from '../../../../src/host/git/scan-objects.ts'
import fc from '../../../helpers/property.ts'

test('objects are told apart whatever the chunks, empty ones and ones of any bytes too', () => {
  const object = fc.record({
    oid: fc.stringMatching(/^[0-9a-f]{40}$/),
    type: fc.constantFrom('blob', 'tree', 'commit', 'tag'),
    bytes: fc.uint8Array({ maxLength: 30 }),
  })
  fc.assert(
    fc.property(fc.array(object), fc.integer({ min: 1, max: 50 }), (objects, size) => {
      const output = Buffer.concat(
        objects.flatMap(({ oid, type, bytes }) => [
          Buffer.from(`${oid} ${type} ${bytes.length}\n`),
          Buffer.from(bytes),
          Buffer.from(`\n${'f'.repeat(40)} missing\n`),
        ]),
      )
      const seen: Array<{ oid: string; type: string; bytes: Buffer }> = []
      let missing = 0
      let ended = 0
      const push = objectParser({
        begin: ({ oid, type }) => seen.push({ oid, type, bytes: Buffer.alloc(0) }),
        bytes: (part) => {
          const last = seen.at(-1)
          if (last !== undefined) last.bytes = Buffer.concat([last.bytes, part])
        },
        end: () => {
          ended += 1
        },
        missing: () => {
          missing += 1
        },
      })
      for (let at = 0; at < output.length; at += size) push(output.subarray(at, at + size))
      expect(seen).toEqual(objects.map(({ bytes, ...rest }) => ({ ...rest, bytes: Buffer.from(bytes) })))
      expect([ended, missing]).toEqual([objects.length, objects.length])
    }),
  )
})

test('a raw log gives the path and the oldest commit of an object, also where a path looks like a header', () => {
  const [oid, commit, older] = ['a'.repeat(40), 'c'.repeat(40), 'd'.repeat(40)]
  const found = new Map<string, { readonly path: string; readonly commit: string }>()
  const take = readRawLog(new Set([oid]), found)
  const header = `:000000 100644 ${'0'.repeat(40)} ${oid} A`
  for (const token of [
    commit,
    `\n${header}`,
    'new name',
    older,
    `\n${header}`,
    `:100644 100644 ${'e'.repeat(40)}`,
  ])
    take(token)
  expect(found.get(oid)).toEqual({ path: `:100644 100644 ${'e'.repeat(40)}`, commit: older })
})
