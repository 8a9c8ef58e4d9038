import base from './vitest.config.ts';

// Engines are killed and processes frozen here, so the files run one after the other.
export default {
  ...base,
  test: {
    ...base.test,
    include: ['test/chaos/**/*.test.ts'],
    maxWorkers: 1,
    testTimeout: 180_000,
  },
};
