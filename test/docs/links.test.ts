/** Every link from one page to another, and to a heading in it, leads somewhere. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { expect, test } from 'vitest'
import { exists, REPOSITORY } from './console.ts'

const pages = [
  'README.md',
  'skills/disinto/SKILL.md',
  ...readdirSync(join(REPOSITORY, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
]

/** A heading as GitHub makes an anchor of it. */
const anchor = (heading: string) =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(/\s/g, '-')

function anchorsOf(page: string): string[] {
  const text = readFileSync(join(REPOSITORY, page), 'utf8').replaceAll(/^```.*?^```$/gms, '')
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) => anchor(heading ?? ''))
}

test.each(pages)('%s', (page) => {
  const text = readFileSync(join(REPOSITORY, page), 'utf8').replaceAll(/^```.*?^```$/gms, '')
  const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link]) => link ?? '')
    .filter((link) => !/^\w+:/.test(link))
  const broken = links.filter((link) => {
    const [path = '', fragment] = link.split('#')
    const target = path === '' ? page : relative('.', join(dirname(page), path))
    return !exists(target) || (fragment !== undefined && !anchorsOf(target).includes(fragment))
  })
  expect(broken).toEqual([])
})
