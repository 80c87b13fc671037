import { describe, expect, test } from 'vitest'
import { toSopsText } from '../../../../src/host/migrate/sops-text.ts'
import { readDotenv } from '../../../../src/load/dotenv.ts'
import { fillReferences } from '../../../../src/load/references.ts'
import fc from '../../../helpers/property.ts'

const HOME = '/home/you'

async function meaning(texts: readonly string[]): Promise<Map<string, string>> {
  const read = await Promise.all(texts.map(readDotenv))
  return new Map(
    fillReferences(
      read.flatMap(({ assignments }) => assignments),
      HOME,
    ).values,
  )
}

describe('dotenv text as lines of SOPS dotenv', () => {
  test.each([
    ['comments and order stay', '# a\nB=1\n\n  # c\nA=2 # d\n', '# a\nB=1\n# c\nA=2 # d\n'],
    ['names are as dotenv reads them', '\ufeffA=1\nexport B=2\nC = 3\nD: 4\n', 'A=1\nB=2\nC=3\nD=4\n'],
    ['Windows line ends go', 'A=1\r\nB="x y"\r\n', 'A=1\nB="x y"\n'],
    ['a line that sets nothing is a comment', 'junk\nA=1', '#junk\nA=1\n'],
    ['several lines in double quotes', 'K="a\nb" # c\n', 'K="a\\nb" # c\n'],
    ['several lines in single quotes', "K='a\nb'\n", 'K="a\\nb"\n'],
    ['several lines with a reference stay a reference', 'A=1\nK="a\n${A}"', 'A=1\nK="a\\n${A}"\n'],
    ['several lines with a literal one stay literal', "A=1\nK='a\n${A}'", 'A=1\nK="a\\n\\${A}"\n'],
    ['a name twice stands once, where it counts', 'A=1\nB=2\nA=\n', '# set again below: A\nB=2\nA=\n'],
    ['a name that refers to what it was', 'A=1\nA=${A}/x\n', '# set again below: A\nA=1/x\n'],
    ['a value on the line below its name', 'A=\n"x"', 'A="x"\n'],
    ['what compose would call empty', 'A=\nB= # c', 'A=\nB=# c\n'],
  ])('%s', async (_, text, wanted) => {
    expect(await toSopsText(text)).toEqual({ text: wanted, apart: new Map(), homeless: [] })
  })

  test.each([
    ['a backslash and n among lines', "K='a\n\\n'\nA=1", ['K']],
    ['quotes of both kinds and a # among lines', `K='a"\n# b'`, ['K']],
    ['a name that SOPS keeps', 'sops_x=1\nA=1', ['sops_x']],
    ['what refers to such a value', "K='a\n\\n'\nB=${K}!\nC=${B}", ['K', 'B', 'C']],
  ])('%s is apart, with all of its value', async (_, text, names) => {
    const { apart, homeless } = await toSopsText(text)
    expect([[...apart.keys()], homeless]).toEqual([names, []])
    const meant = await meaning([text])
    for (const [name, value] of apart) expect(value).toBe(meant.get(name))
  })

  test('values that depend on HOME are named', async () => {
    expect((await toSopsText("K='a\n\\n'\nB=${HOME}${K}\nC=${HOME}")).homeless).toEqual(['B', 'C'])
  })

  test('every line by itself means what it meant in the whole', async () => {
    const line = fc.oneof(
      fc.constantFrom(
        '',
        '# c',
        'junk',
        'A=1',
        "B='x\ny'",
        'C="p\nq"',
        'export D=4',
        'E: 5',
        'F=a#b',
        ' G = 7 ',
        "H='\\n'",
        "H2='\\n\n'",
        'I="\\n"',
        'J=`\n`',
        'K=\r',
        'L="unclosed',
        "M='",
        '=x',
        '\ufeffN=1',
        'O=1\u2028P=2',
        'Q=\u20281',
        ' R=1 # c',
        'export\tS=1',
        'T =\n"x\ny"',
        'V=\\\\n',
        'sops_x=1',
        'W=${A}${C}${HOME}',
        "X='${A}\n$${B} \\${C}'",
        'Y="${X}\n$${B} \\${C} ${Z:-${A}}"',
        'A=${A}/${W}',
        '-----BEGIN X-----',
      ),
      fc.string({ maxLength: 12 }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 8 }), async (lines) => {
        const whole = lines.join('\n')
        const { text, apart, homeless } = await toSopsText(whole)
        const kept = text.split('\n').filter((one) => !one.startsWith('#'))
        const meant = await meaning([whole])
        const got = new Map([...(await meaning(kept)), ...apart])
        // Refused by migrate, and what refers to them is among them.
        for (const name of homeless)
          if (apart.has(name)) for (const values of [got, meant]) values.delete(name)
        expect(Object.fromEntries(got)).toEqual(Object.fromEntries(meant))
      }),
      { numRuns: 2000 },
    )
  })
})

test('a value of many number signs over two lines is written in time that goes with its length', async () => {
  const value = '#'.repeat(300_000)
  const { text } = await toSopsText(`A='\n${value}'\n`)
  expect(text).toContain(value)
})
