import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { AppError } from '#core/errors';
import type { JsonSchema } from '#core/json';
import { checkJobs, type DeclaredJob } from './check-jobs.ts';
import { discoverJobNames, findJobFile } from './discover-jobs.ts';
import { parseRegistry } from './parse-registry.ts';

const registry = parseRegistry({
  file: 'tasks.yml',
  text: `version: 1
tasks:
  nightly_report:
    title: Nightly report
    description: Sums up the day.
    job: nightly-report
    owner: platform
    permissions: { start: [tools.jobs.start], read: [tools.jobs.read] }
    inputs:
      type: object
      additionalProperties: false
      properties:
        days: { type: integer, default: 7 }
        service: { type: string }
`,
});

const inputs = (properties: Record<string, JsonSchema>, required: string[] = []): JsonSchema => ({
  type: 'object',
  properties,
  required,
});

const job = (name: string, schema: JsonSchema): DeclaredJob => ({
  name,
  inputs: schema,
  reads: 'history',
});

const linesOf = (jobs: readonly DeclaredJob[]): readonly string[] => {
  try {
    checkJobs(registry, jobs);
    return [];
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'invalid_registry') throw error;
    return error.violations.map(({ path, message }) => `${path} ${message}`);
  }
};

describe('checkJobs', () => {
  it('is content when both sides agree', () => {
    const schema = inputs({ days: { type: 'integer' }, service: { type: 'string' } }, ['days']);
    expect(linesOf([job('nightly-report', schema)])).toEqual([]);
  });

  it('names a task without a job and a job without a task at once', () => {
    expect(linesOf([job('nightly-reprot', inputs({}))])).toEqual([
      'jobs/nightly-reprot/job.ts:1:1 no task of tasks.yml uses the job nightly-reprot',
      'tasks.yml:6:5 nightly_report: there is no job nightly-report (jobs/nightly-report/job.ts); did you mean nightly-reprot?',
    ]);
  });

  it('names every input that the two sides see differently', () => {
    const schema = inputs({ days: { type: 'string' }, window_hours: { type: 'integer' } });
    expect(linesOf([job('nightly-report', schema)])).toEqual([
      'tasks.yml:12:7 nightly_report: inputs lack window_hours, which job nightly-report takes',
      'tasks.yml:13:9 nightly_report: input days is of type integer, but job nightly-report takes string',
      'tasks.yml:14:9 nightly_report: input service is not one that job nightly-report takes',
    ]);
  });

  it('does not let a task leave out what its job needs', () => {
    const schema = inputs({ days: { type: 'integer' }, service: { type: 'string' } }, ['service']);
    expect(linesOf([job('nightly-report', schema)])).toEqual([
      'tasks.yml:14:9 nightly_report: input service is one that job nightly-report cannot do without; accepted: a default, or its name under required',
    ]);
  });
});

describe('discoverJobNames', () => {
  it('finds the folders that hold a job, in source or compiled', async () => {
    const dir = mkdtempSync(path.join(tmpdir(), 'opsloop-jobs-'));
    try {
      for (const file of ['b/job.ts', 'a/job.js', 'empty/notes.md', 'odd/job.ts/x']) {
        mkdirSync(path.dirname(path.join(dir, file)), { recursive: true });
        writeFileSync(path.join(dir, file), '');
      }
      writeFileSync(path.join(dir, 'job.ts'), '');
      expect(await discoverJobNames(dir)).toEqual(['a', 'b']);
      expect(await findJobFile(dir, 'a')).toBe(path.join(dir, 'a', 'job.js'));
      expect(await findJobFile(dir, 'empty')).toBeNull();
      await expect(discoverJobNames(path.join(dir, 'gone'))).rejects.toMatchObject({
        code: 'invalid_registry',
        message: 'the folder of jobs cannot be read (ENOENT)',
      });
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
});
