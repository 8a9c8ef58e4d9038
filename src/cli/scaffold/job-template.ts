const titleOf = (name: string): string => {
  const words = name.replaceAll('-', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
};

/** A history job: it reads what its window holds and publishes one report. */
export const jobSource = (): string => `import { Type } from 'typebox';
import { defineJob } from '#job-kit/job';

const Inputs = Type.Object(
  { window_hours: Type.Integer({ minimum: 1, maximum: 744, default: 24 }) },
  { additionalProperties: false },
);

export const job = defineJob({
  reads: 'history',
  inputs: Inputs,
  needs: [],
  async run({ inputs, window, reports, log }) {
    const from = window.from.toISOString();
    const to = window.to.toISOString();
    await reports.publish({
      json: { from, to, window_hours: inputs.window_hours },
      markdown: \`Covers \${inputs.window_hours} h, from \${from} to \${to}.\\n\`,
    });
    log.info('report published', { window_hours: inputs.window_hours });
    return { kind: 'succeeded', summary: { window_hours: inputs.window_hours } };
  },
});
`;

export const jobTestSource = (
  name: string,
): string => `import { describe, expect, it } from 'vitest';
import { runJob } from '#test/support/job-harness';
import { job } from './job.ts';

const occurrence = {
  inputs: { window_hours: 24 },
  scheduledFor: new Date('2026-11-05T09:00:00Z'),
};

describe('${name}', () => {
  it('reports the window it covers', async () => {
    const { outcome, report } = await runJob(job, occurrence);
    expect(outcome).toEqual({ kind: 'succeeded', summary: { window_hours: 24 } });
    expect(report?.json).toEqual({
      from: '2026-11-04T09:00:00.000Z',
      to: '2026-11-05T09:00:00.000Z',
      window_hours: 24,
    });
  });

  it('writes nothing when it runs dry', async () => {
    const { effects, report } = await runJob(job, { ...occurrence, dryRun: true });
    expect(effects.map(({ effect }) => effect)).toEqual(['write_report', 'write_report']);
    expect(report).toBeUndefined();
  });
});
`;

/** Lines of the registry's entry, without indentation. */
export const registryEntry = (name: string, taskId: string): readonly string[] => [
  `${taskId}:`,
  `  title: ${titleOf(name)}`,
  '  description: The window of its occurrence.',
  `  job: ${name}`,
  '  owner: platform',
  '  schedule: { cron: "0 6 * * *" }',
  '  permissions: { start: [tools.jobs.start], read: [tools.jobs.read] }',
  '  inputs:',
  '    type: object',
  '    additionalProperties: false',
  '    properties:',
  '      window_hours: { type: integer, minimum: 1, maximum: 744, default: 24 }',
  '  outputs:',
  `    - "ops/reports/${name}/{scheduled_for:yyyy-MM-dd}.json"`,
  `    - "ops/reports/${name}/{scheduled_for:yyyy-MM-dd}.md"`,
];
