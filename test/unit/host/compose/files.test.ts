import { expect, test } from 'vitest'
import { readSources } from '../../../../src/host/compose/files.ts'
import { contextOf } from './context.ts'

const FILE = 'docker-compose.yml'
const service = (lines: string) => `services:\n  a:\n    image: x\n    ${lines}\n`

test.each([
  ['the compose file is a link to it', { [FILE]: '->/dev/zero' }],
  ['include:', { [FILE]: 'include: [/dev/zero]' }],
  ['include: by a link', { [FILE]: 'include: [x.yml]', 'x.yml': '->/dev/zero' }],
  ['include: of a variable', { [FILE]: 'include: ["${X:-/dev/zero}"]' }],
  ['what is included includes it', { [FILE]: 'include: [x.yml]', 'x.yml': 'include: [/dev/zero]' }],
  [
    'the env file of what is included',
    { [FILE]: 'include: [{path: x.yml, env_file: /dev/zero}]', 'x.yml': '' },
  ],
  [
    'the .env beside what is included',
    { [FILE]: 'include: [d/x.yml]', 'd/x.yml': '', 'd/.env': '->/dev/zero' },
  ],
  ['extends:', { [FILE]: service('extends: {file: /dev/zero, service: b}') }],
  ['env_file:', { [FILE]: service('env_file: /dev/zero') }],
  ['env_file: in a list', { [FILE]: service('env_file: [{path: /dev/zero, required: false}]') }],
  ['label_file:', { [FILE]: service('label_file: /dev/zero') }],
])('what has no end is refused before compose reads it: %s', async (_, files) => {
  await expect(readSources(contextOf(files))).rejects.toMatchObject({ code: 'source-irregular' })
})

test('/dev/null, and what is not there, are for compose to read', async () => {
  const files = { [FILE]: `include: [none.yml]\n${service('env_file: [/dev/null, none.env]')}` }
  const { envFiles } = await readSources(contextOf(files))
  expect(envFiles.get('a')).toEqual(['/dev/null', 'none.env'])
})
