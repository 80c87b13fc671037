import { existsSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { examineDue } from '../../../../src/host/doctor/due.ts'
import {
  dayGiven,
  daysOf,
  daysUntil,
  readDueDates,
  setDue,
  setDueOfNew,
} from '../../../../src/host/store/due.ts'
import { MARK, Place } from '../../../helpers/place.ts'

const NOON = new Date('2026-03-10T12:00:00Z')

test.each([
  ['2026-03-10', 0],
  ['2026-03-11', 1],
  ['2026-03-09', -1],
  ['2027-03-10', 365],
])('until %s there are %i days', (day, days) => {
  expect(daysUntil(day, NOON)).toBe(days)
})

describe('--due takes', () => {
  test.each([
    ['2026-03-10', '2026-03-10'],
    ['2028-02-29', '2028-02-29'],
    ['90d', '2026-06-08'],
    ['2w', '2026-03-24'],
    ['1y', '2027-03-10'],
  ])('%s', (text, day) => {
    expect(dayGiven(text, 'secrets add', NOON)).toBe(day)
  })

  test.each([
    '2026-03-09',
    '2026-02-30',
    '2026-3-1',
    '31.1.2027',
    '90',
    'd',
    '-1d',
    '9 d',
    '9dx',
    '+012026-03',
    '',
    MARK,
  ])('not %j, which is not repeated', (text) => {
    expect(() => dayGiven(text, 'secrets add', NOON)).toThrow('--due: needs a day in the future')
  })
})

test('an age is a number of days, weeks, months or years', () => {
  expect(['90d', '12w', '6m', '1y', '90', '1h', '9dx', ''].map(daysOf)).toEqual([
    90,
    84,
    180,
    365,
    undefined,
    undefined,
    undefined,
    undefined,
  ])
})

describe('secrets/due.json', () => {
  test('is written in the order of the names, and read again', async () => {
    const place = new Place()
    await setDue(place.context(), 'B', '2027-01-31')
    await setDue(place.context(), 'A', '2027-02-28')
    expect(place.read('secrets/due.json')).toBe('{\n  "A": "2027-02-28",\n  "B": "2027-01-31"\n}\n')
    await setDue(place.context(), 'B', undefined)
    expect([...readDueDates(place.context().project).dates]).toEqual([['A', '2027-02-28']])
  })

  test.each([
    ['', 'it is not JSON'],
    ['[]', 'it is not a JSON object'],
    ['null', 'it is not a JSON object'],
    ['"x"', 'it is not a JSON object'],
    ['{"A": 1}', 'A has no date like 2027-01-31'],
    ['{"A": ["2027-01-31"]}', 'A has no date like 2027-01-31'],
    ['{"A": "2027-02-30"}', 'A has no date like 2027-01-31'],
    ['{"a b": "2027-01-31"}', '"a b" has no date like 2027-01-31'],
    [`{${MARK}`, 'it is not JSON'],
    [`{}${' '.repeat(2 ** 20)}`, 'it is larger than a megabyte'],
  ])('that holds %j is a problem to tell, and is not written over', async (text, problem) => {
    const place = new Place()
    const path = place.write('secrets/due.json', text)
    const { dates, problems } = readDueDates(place.context().project)
    expect([...dates]).toEqual([])
    expect(problems).toEqual([problem])
    await expect(setDue(place.context(), 'B', '2027-01-31')).rejects.toMatchObject({
      code: 'due-unreadable',
      message: `${path}: ${problem}`,
    })
    expect(place.read('secrets/due.json')).toBe(text)
  })

  test('that is none can’t be read, and where it can’t be, nothing is written', async () => {
    const place = new Place()
    place.write('secrets/due.json/x', '')
    expect(readDueDates(place.context().project).problems).toEqual(['it can’t be read'])
    const other = new Place()
    const path = other.write('secrets', '')
    await expect(setDue(other.context(), 'A', '2027-01-31')).rejects.toMatchObject({
      code: 'write-failed',
      message: `${path}/due.json: can't be written (EEXIST); what was there is unchanged`,
    })
  })

  test('is left alone where nothing would change, and is readable for all', async () => {
    const place = new Place()
    await setDue(place.context(), 'A', undefined)
    expect(existsSync(join(place.root, 'secrets'))).toBe(false)
    const text = '{"A":"2027-01-31","B":1}'
    const path = place.write('secrets/due.json', text)
    await setDue(place.context(), 'A', '2027-01-31')
    expect(place.read('secrets/due.json')).toBe(text)
    rmSync(path)
    await setDue(place.context(), 'A', '2027-01-31')
    expect(statSync(path).mode & 0o777).toBe(0o644)
  })

  test('is not written where a link leads out of the project', async () => {
    const place = new Place()
    symlinkSync(dirname(place.write('/elsewhere/x', '')), join(place.root, 'secrets'))
    await expect(setDue(place.context(), 'A', '2027-01-31')).rejects.toMatchObject({ code: 'link-out' })
  })

  test('has the day of a new value, or none any more, which is said', async () => {
    const place = new Place()
    await setDueOfNew(place.context(), 'A', undefined)
    expect(place.said).toEqual([])
    await setDueOfNew(place.context(), 'A', '2027-01-31')
    expect(place.said).toEqual(['note: A is due for change at its issuer by 2027-01-31'])
    await setDueOfNew(place.context(), 'A', undefined)
    expect(place.said.slice(1)).toEqual([
      'note: 2027-01-31 was the due date of the old value of A; --due sets one for this value',
    ])
    expect(place.read('secrets/due.json')).toBe('{}\n')
  })
})

describe('doctor finds', () => {
  const day = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10)
  const codes = async (place: Place, maxDays?: number) =>
    (await examineDue(place.context(), maxDays)).map(({ severity, code }) => `${severity} ${code}`)

  test('what is overdue, what is due soon, and days for what is not there', async () => {
    const place = new Place().withKey()
    for (const name of ['OVER', 'SOON', 'LATER', 'NEVER']) await place.secret(name)
    place.write(
      'secrets/due.json',
      JSON.stringify({ OVER: day(-2), SOON: day(3), LATER: day(90), GONE: day(90) }),
    )
    expect(await codes(place)).toEqual(['warning due-nameless', 'error secret-overdue', 'warning secret-due'])
  })

  test('what was stored longer ago than it may be, or at a time that nobody knows', async () => {
    const place = new Place().withKey()
    await place.secret('NEW')
    expect(await codes(place, 90)).toEqual([])
    const path = 'secrets/NEW.enc'
    const text = place.read(path)
    place.write(path, text.replace(/"lastmodified": "[^"]+"/, '"lastmodified": "2020-01-01T00:00:00Z"'))
    expect(await codes(place, 90)).toEqual(['error secret-old'])
    expect(await codes(place)).toEqual([])
    place.write(path, text.replace(/"lastmodified": "[^"]+"/, '"lastmodified": "once"'))
    expect(await codes(place, 90)).toEqual(['error secret-old'])
  })
})
