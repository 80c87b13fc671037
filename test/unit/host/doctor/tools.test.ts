import { expect, test } from 'vitest'
import { examineTools } from '../../../../src/host/doctor/tools.ts'
import { Place } from '../../../helpers/place.ts'

const examined = async (place: Place) =>
  (await examineTools(place.context({ PATH: `${place.base}/bin` }))).map(
    ({ severity, message }) => `${severity} ${message}`,
  )

test('what is not installed is told, and which commands want it', async () => {
  expect(await examined(new Place())).toEqual([
    expect.stringMatching(/^note node \d+/),
    'warning docker: not found: up, down, shell and vault-run need it, and doctor for the compose file',
    'warning docker compose: not found: up, down, shell and vault-run need it, and doctor for the compose file',
    'note sops: not installed; not needed for what disinto writes',
    'note age: not installed; not needed for what disinto writes',
    'note git: not installed; not needed for what disinto writes',
  ])
})

test('what is installed is told with its version, and one that fails counts as not there', async () => {
  const place = new Place()
  place.write('/bin/sops', '#!/bin/sh\necho "sops 3.13.2 (latest)"\n', 0o755)
  place.write('/bin/age', '#!/bin/sh\necho odd\n', 0o755)
  place.write('/bin/git', '#!/bin/sh\nexit 1\n', 0o755)
  expect(await examined(place)).toEqual(
    expect.arrayContaining([
      'note sops 3.13.2',
      'note age unknown version',
      'note git: not installed; not needed for what disinto writes',
    ]),
  )
})

test('a docker whose engine is silent is a warning with a way out', async () => {
  const place = new Place()
  place.write(
    '/bin/docker',
    '#!/bin/sh\ncase $1 in --version) echo Docker 29.1;; *) echo no >&2; exit 1;; esac\n',
    0o755,
  )
  expect(await examined(place)).toContain('warning the Docker Engine does not answer: no')
})
