import { defineConfig } from 'vitest/config';

// Vitest hands these to Node as --conditions, which apply to `require` as well:
// with `import` among them, CommonJS packages would be given ES modules.
const conditions = ['opsloop-source', 'node'];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: ['node'] } },
  // Where vitest runs the global set-up files.
  environments: { __vitest__: { resolve: { conditions } } },
  test: {
    include: [
      'src/**/*.test.ts',
      'jobs/**/*.test.ts',
      'test/{contract,integration,acceptance,simulation,tidy}/**/*.test.ts',
    ],
    pool: 'forks',
    maxWorkers: 2,
    sequence: { shuffle: true },
    retry: 0,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    globalSetup: ['test/support/global-postgres.ts', 'test/support/global-redis.ts'],
  },
});
