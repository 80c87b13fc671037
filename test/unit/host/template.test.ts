import { expect, test } from 'vitest'
import { referencesIn } from '../../../src/host/compose/template.ts'
import { composeFile, ignoredBeside, withEntries } from '../../../src/host/template.ts'

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

test('beside a build nothing is ignored that a Dockerfile copies, and plaintext and keys are', () => {
  expect(ignoredBeside([]).entries).toContain('vault/')
  const { entries, copied } = ignoredBeside(['FROM scratch\nCOPY vault/ /v/\nCOPY secrets/ /s/\n'])
  expect(entries).toEqual(['.env', '.env.*', '!.env.example', '**/keys.txt'])
  expect(copied).toEqual([])
  expect(ignoredBeside(['ADD ["./.env", "/"]\n']).copied).toEqual(['.env'])
  expect(ignoredBeside(['COPY --chown=a \\\n  .env.production /x\n']).copied).toEqual(['.env.*'])
})
