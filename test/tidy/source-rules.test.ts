import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '#core/package-root';
import { formatFinding, isTestFile, parseSource, readSources, readText } from './source-file.ts';
import {
  clockRule,
  environmentRule,
  fileNameRule,
  fileSizeRule,
  honestTestRule,
  namedExportsRule,
  type SourceRule,
} from './source-rules.ts';

const product = readSources('src', 'jobs');
const tests = readSources('test').concat(product.filter((file) => isTestFile(file.path)));
const configurations = readdirSync(packageRoot()).filter((name) =>
  /^vitest.*\.config\.ts$/.test(name),
);

const faults = (rule: SourceRule, path: string, text: string): readonly string[] =>
  rule(parseSource(path, text)).map((finding) => finding.message);

describe.each([
  ['time comes from a clock', clockRule, product],
  ['the environment is read in one module', environmentRule, product],
  ['exports are named', namedExportsRule, [...product, ...tests]],
  ['files are small', fileSizeRule, [...product, ...tests]],
  ['file names say what is in them', fileNameRule, [...product, ...tests]],
  ['tests run, once, on the real thing', honestTestRule, tests],
])('%s', (_name, rule, files) => {
  it('in every file', () => {
    expect(files.length).toBeGreaterThan(10);
    expect(files.flatMap((file) => rule(file)).map(formatFinding)).toEqual([]);
  });
});

describe('the rules find what is planted', () => {
  it.each([
    'const now = Date.now();',
    "const now = Date['now']();",
    'const now = new Date();',
    'const now = Date();',
    'setTimeout(() => {}, 10);',
    'globalThis.setInterval(() => {}, 10);',
    'setImmediate(() => {});',
    "import { setTimeout as sleep } from 'node:timers/promises';",
  ])('time: %s', (text) => {
    expect(faults(clockRule, 'src/runner/planted.ts', text)).toHaveLength(1);
    expect(faults(clockRule, 'src/core/clock.ts', text)).toEqual([]);
  });

  it.each(['const at = new Date(0);', 'clock.sleep(10);', 'const text = "Date.now()";'])(
    'no time: %s',
    (text) => expect(faults(clockRule, 'src/runner/planted.ts', text)).toEqual([]),
  );

  it.each([
    'const home = process.env.HOME;',
    "const home = process['env']['HOME'];",
    "import { env } from 'node:process';",
  ])('environment: %s', (text) => {
    expect(faults(environmentRule, 'src/queue/planted.ts', text)).toHaveLength(1);
    expect(faults(environmentRule, 'src/config/process-environment.ts', text)).toEqual([]);
  });

  it.each(['export default function job() {}', 'const job = 1; export { job as default };'])(
    'default export: %s',
    (text) => {
      expect(faults(namedExportsRule, 'jobs/planted/job.ts', text)).toHaveLength(1);
    },
  );

  it('a file of 351 lines', () => {
    expect(faults(fileSizeRule, 'src/core/planted.ts', ';\n'.repeat(350))).toEqual([]);
    expect(faults(fileSizeRule, 'src/core/planted.ts', ';\n'.repeat(351))).toHaveLength(1);
  });

  it.each([
    'src/core/utils.ts',
    'src/runner/run-helpers.ts',
    'src/queue/QueueEngine.ts',
    'src/queue/queue_engine.ts',
    'src/common/ids.ts',
    'src/queue/queue-manager.ts',
    'src/queue/types.ts',
  ])('name: %s', (path) => expect(faults(fileNameRule, path, '')).toHaveLength(1));

  it.each([
    "it.skip('x', () => {});",
    "describe.only('x', () => {});",
    "it.each([1]).skip('x', () => {});",
    "it.runIf(false)('x', () => {});",
    "test.todo('x');",
    'vi.mock("pg");',
    'const send = vi.fn();',
    "it('x', { retry: 2 }, () => {});",
  ])('test: %s', (text) => {
    expect(faults(honestTestRule, 'src/core/planted.test.ts', text).length).toBeGreaterThan(0);
  });
});

it('lets the two halves of a pair of suites pass', () => {
  const halves = "describe.runIf(isRoot)('a', () => {}); describe.runIf(!isRoot)('b', () => {});";
  expect(faults(honestTestRule, 'src/core/planted.test.ts', halves)).toEqual([]);
});

describe('the configuration of the tests', () => {
  it.each(configurations)('%s retries nothing', (name) => {
    expect(faults(honestTestRule, name, readText(name))).toEqual([]);
  });

  it('would be found retrying', () => {
    const planted = 'export default { test: { retry: 1 } };';
    expect(faults(honestTestRule, 'vitest.config.ts', planted)).toHaveLength(1);
  });
});
