import { describe, expect, it } from 'vitest';
import { importRule } from './import-rules.ts';
import { IMPORT_TABLE, PACKAGE_HOMES } from './import-table.ts';
import { readImports } from './imports.ts';
import { formatFinding, parseSource, readSources, readText } from './source-file.ts';

const sources = readSources('src', 'jobs', 'test');

const faults = (path: string, text: string): readonly string[] =>
  importRule(parseSource(path, text)).map(({ message }) => message);

describe('imports', () => {
  it('follow the table in every file', () => {
    expect(sources.length).toBeGreaterThan(50);
    expect(sources.flatMap((file) => importRule(file)).map(formatFinding)).toEqual([]);
  });

  it('know no package that is not a dependency', () => {
    const { dependencies } = JSON.parse(readText('package.json')) as { dependencies: object };
    const known = Object.keys(dependencies);
    expect(Object.keys(PACKAGE_HOMES).filter((name) => !known.includes(name))).toEqual([]);
  });

  it('never form a circle of folders that run code of each other', () => {
    const reaches = (row: string, seen: Set<string>): ReadonlySet<string> => {
      for (const next of IMPORT_TABLE[row]?.code ?? [])
        if (!seen.has(next)) reaches(next, seen.add(next));
      return seen;
    };
    expect(Object.keys(IMPORT_TABLE).filter((row) => reaches(row, new Set()).has(row))).toEqual([]);
  });
});

describe('the rule finds what is planted', () => {
  it.each([
    ['a folder that nobody placed', 'src/warehouse/planted.ts', ''],
    ['core importing ours', 'src/core/planted.ts', "import { x } from '#storage/x';"],
    ['a job reaching the queue', 'jobs/planted/job.ts', "import { x } from '#queue/x';"],
    ['a job reaching the runner, lazily', 'jobs/planted/job.ts', "await import('#runner/runs');"],
    ['a job importing another job', 'jobs/planted/job.ts', "import { x } from '../other/job.ts';"],
    ['a job importing another job by alias', 'jobs/p/job.ts', "import { x } from '#jobs/q/job';"],
    ['a job reading files', 'jobs/planted/job.ts', "import { readFile } from 'node:fs/promises';"],
    ['a job on the network', 'jobs/planted/job.ts', "import http from 'node:http';"],
    ['a job starting a process', 'jobs/planted/job.ts', "const x = require('child_process');"],
    ['a job with a client of its own', 'jobs/planted/job.ts', "import pg from 'pg';"],
    ['a domain running another domain', 'src/finops/p.ts', "import { x } from '#audit/x';"],
    ['BullMQ outside its home', 'src/runner/planted.ts', "import { Queue } from 'bullmq';"],
    ['BullMQ run by the board', 'src/board/planted.ts', "import { Queue } from 'bullmq';"],
    ['PostgreSQL outside its home', 'src/gateway/planted.ts', "import pg from 'pg';"],
    ['a sub-path of a package', 'src/gateway/planted.ts', "import x from 'pino/file.js';"],
    ['app imported by a domain', 'src/audit/planted.ts', "import { x } from '#app/x';"],
    ['a type out of bounds', 'src/core/planted.ts', "type X = import('#runner/run').Run;"],
    ['a re-export out of bounds', 'src/core/planted.ts', "export { x } from '#runner/run';"],
    ['a relative path to a neighbour', 'src/queue/p.ts', "import { x } from '../core/ids.ts';"],
    ['an alias to its own folder', 'src/queue/planted.ts', "import { x } from '#queue/x';"],
    ['an alias with an extension', 'src/queue/planted.ts', "import { x } from '#core/ids.ts';"],
    ['no extension', 'src/queue/planted.ts', "import { x } from './x';"],
    ['a built-in without its prefix', 'src/queue/planted.ts', "import fs from 'fs';"],
    ['a computed module', 'src/queue/planted.ts', 'await import(name);'],
    ['an unknown package', 'src/queue/planted.ts', "import x from 'left-pad';"],
    ['a test that goes around the alias', 'test/tidy/p.test.ts', "import '../../src/core/ids.ts';"],
  ])('%s', (_name, path, text) => expect(faults(path, text)).toHaveLength(1));

  it.each([
    ['types of another domain', 'src/finops/p.ts', "import type { X } from '#audit/audit-store';"],
    ['inline types', 'src/finops/p.ts', "import { type X } from '#audit/audit-store';"],
    ['the board naming a queue', 'src/board/p.ts', "import type { Queue } from 'bullmq';"],
    ['a lazy import of the CLI', 'src/cli/p.ts', "await import('#app/start-system');"],
    ['a neighbour in its folder', 'src/gateway/access/p.ts', "import { x } from '../http/x.ts';"],
    ['an import in a text', 'jobs/p/job.ts', "const text = `import x from 'node:fs'`;"],
  ])('and lets pass: %s', (_name, path, text) => expect(faults(path, text)).toEqual([]));

  it('in every form of an import', () => {
    const text = [
      "import a from 'a';",
      "import type { B } from 'b';",
      "export { c } from 'c';",
      "export * from 'd';",
      "await import('e');",
      "type F = import('f').F;",
      "import g = require('g');",
      "const h = require('h');",
      "import 'i';",
    ].join('\n');
    const found = readImports(parseSource('src/core/planted.ts', text));
    expect(found.map(({ specifier }) => specifier).sort()).toEqual([...'abcdefghi']);
    expect(found.filter(({ isTypeOnly }) => isTypeOnly).map(({ specifier }) => specifier)).toEqual([
      'b',
      'f',
    ]);
  });
});
