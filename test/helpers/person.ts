/** Whoever sits at the terminal: `vi.mock('@inquirer/confirm', async () => (await import('…/helpers/person.ts')).prompt)`. */
import { beforeEach } from 'vitest'

/** What is answered, one question after another, and what was asked, with the answer that Enter gives. */
export const person: { answers: boolean[]; asked: string[] } = { answers: [], asked: [] }

/** What stands in for the module that asks. */
export const prompt = {
  default: async (question: { readonly message: string; readonly default: boolean }) => {
    person.asked.push(`${question.message} ${question.default}`)
    return person.answers.shift()
  },
}

beforeEach(() => {
  person.answers = []
  person.asked = []
})
