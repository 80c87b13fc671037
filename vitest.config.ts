import { defineConfig } from 'vitest/config'

const MINUTE = 60_000

export default defineConfig({
  test: {
    projects: [
      {
        // Pure code, in process.
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          testTimeout: 2 * MINUTE,
        },
      },
      {
        // The built bundle as a process, with real sops and age.
        test: {
          name: 'shim',
          include: ['test/shim/**/*.test.ts'],
          testTimeout: 3 * MINUTE,
          hookTimeout: MINUTE,
        },
      },
      {
        // What depends on the engine, once more with sops where builtin would do.
        test: {
          name: 'shim-by-sops',
          include: ['test/shim/{environment,keys,names,sources,tampered,values}.test.ts'],
          env: { TEST_ENGINE: 'sops' },
          testTimeout: 3 * MINUTE,
          hookTimeout: MINUTE,
        },
      },
      {
        // The host command as a process, with real sops and age.
        test: {
          name: 'host',
          include: ['test/host/**/*.test.ts'],
          testTimeout: 3 * MINUTE,
          hookTimeout: MINUTE,
        },
      },
      {
        // Both engines on the same input.
        test: {
          name: 'differential',
          include: ['test/differential/**/*.test.ts'],
          testTimeout: 60 * MINUTE,
          hookTimeout: MINUTE,
        },
      },
      {
        // The promises of DESIGN.md about a start, on the bundle and the image, with real parts.
        test: {
          name: 'proof',
          include: ['test/proof/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 10 * MINUTE,
          hookTimeout: 20 * MINUTE,
        },
      },
      {
        // The commands of the pages in docs/, run as they stand there.
        test: {
          name: 'docs',
          include: ['test/docs/**/*.test.ts'],
          testTimeout: 5 * MINUTE,
          hookTimeout: 20 * MINUTE,
        },
      },
      {
        // The package, the shim in other images, Swarm, manifests, the bill of materials.
        test: {
          name: 'ship',
          include: ['test/ship/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 10 * MINUTE,
          hookTimeout: 20 * MINUTE,
        },
      },
      {
        // The agent image on a Docker Engine.
        test: {
          name: 'image',
          include: ['test/image/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 10 * MINUTE,
          hookTimeout: 20 * MINUTE,
        },
      },
      {
        // The host command with a Docker Engine.
        test: {
          name: 'stack',
          include: ['test/stack/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 20 * MINUTE,
          hookTimeout: 20 * MINUTE,
        },
      },
    ],
  },
})
