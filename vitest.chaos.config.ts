import base from './vitest.config.ts';

// Engines are killed and processes frozen here, each file's own; most of the time is waiting,
// so two files go at once.
export default {
  ...base,
  test: {
    ...base.test,
    include: ['test/chaos/**/*.test.ts'],
    maxWorkers: 2,
    testTimeout: 180_000,
  },
};
