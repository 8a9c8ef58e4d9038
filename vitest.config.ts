import { defineConfig } from 'vitest/config';

const conditions = ['opsloop-source', 'node', 'import', 'module', 'default'];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: ['node', 'import', 'default'] } },
  test: {
    include: ['src/**/*.test.ts', 'jobs/**/*.test.ts', 'test/{contract,integration,acceptance,tidy}/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    sequence: { shuffle: true },
    retry: 0,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    globalSetup: [],
  },
});
