import { expect, test } from 'vitest'
import { referencesIn } from '../../../src/host/compose/template.ts'
import { composeFile, withEntries } from '../../../src/host/template.ts'

test('the compose file of init holds references and no value, and builds where there is a Dockerfile', () => {
  for (const dockerfile of [true, false]) {
    const text = composeFile({ dockerfile })
    expect(text.includes('dockerfile: Dockerfile.agent')).toBe(dockerfile)
    expect(referencesIn(text).map(({ name }) => name)).toEqual(['AGENT_IMAGE', 'AGENT_IMAGE'])
  }
})

test('entries are added once, at the end, and what is there stays', () => {
  expect(withEntries('', ['.env'])).toMatch(/^# .*\n\.env\n$/)
  expect(withEntries('a\r\n.env\r\n', ['.env'])).toBeUndefined()
  expect(withEntries('a', ['.env'])).toMatch(/^a\n# .*\n\.env\n$/)
})
