import { defineConfig } from 'vitest/config'
import { SUITES } from './tools/suites.mjs'

const MINUTE = 60_000

export default defineConfig({
  test: {
    projects: SUITES.flatMap(({ name, minutes, hookMinutes = 1, alone = false, bySops }) => {
      const test = {
        name,
        include: [`test/${name}/**/*.test.ts`],
        testTimeout: minutes * MINUTE,
        hookTimeout: hookMinutes * MINUTE,
        fileParallelism: !alone,
      }
      if (bySops === undefined) return [{ test }]
      const again = {
        ...test,
        name: `${name}-by-sops`,
        include: bySops.map((file) => `test/${name}/${file}.test.ts`),
        env: { TEST_ENGINE: 'sops' },
      }
      return [{ test }, { test: again }]
    }),
  },
})
