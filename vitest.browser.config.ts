import { defineConfig, mergeConfig } from 'vitest/config';
import base from './vitest.config.ts';

// The same engines as the other tests, in a real Chromium; apart, since not every machine has one.
const browser = mergeConfig(base, defineConfig({}));

export default {
  ...browser,
  test: { ...browser.test, include: ['test/browser/**/*.test.ts'] },
};
