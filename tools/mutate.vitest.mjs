/** The unit tests of one room, as tools/mutate.mjs runs them. */
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: { include: [`${process.env.MUTATE_TESTS}/**/*.test.ts`], testTimeout: 120_000 },
})
