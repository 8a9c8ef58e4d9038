import { describe, expect, it } from 'vitest';
import { parseRegistry } from './parse-registry.ts';
import { renderTaskReference } from './task-reference.ts';

const task = (id: string, more: string): string => `  ${id}:
    title: ${id}
    description: Sums up the day.
    job: ${id.replaceAll('_', '-')}
    owner: platform
    permissions: { start: [tools.jobs.start], read: [tools.jobs.read] }
${more}`;

const render = (text: string): readonly string[] =>
  renderTaskReference(parseRegistry({ file: 'tasks.yml', text: `version: 1\n${text}` })).split(
    '\n',
  );

describe('renderTaskReference', () => {
  it('says what a task comes after, and when that is', () => {
    const lines = render(
      `tasks:\n${task('weekly', '    schedule: { cron: "0 6 * * 1", timezone: Europe/Berlin }\n')}${task('middle', '    after: [weekly]\n')}${task('last', '    after: [weekly, middle]\n')}`,
    );
    expect(lines).toContain(
      '- Schedule: after [weekly](#weekly), [middle](#middle): At 06:00, only on Monday (Europe/Berlin)',
    );
    expect(lines).toContain(
      '| [middle](#middle) | after [weekly](#weekly): At 06:00, only on Monday (Europe/Berlin) |  |',
    );
  });

  it('says who is told, and which calendars hold a task back', () => {
    const lines = render(
      `blackouts:
  year_end:
    title: Year's end
    timezone: Europe/Berlin
    windows: [{ from: "2026-12-24T00:00", to: "2027-01-02T00:00" }]
  weekend:
    action: delay
    windows: [{ cron: "0 22 * * 5", duration: 8h }]
tasks:
${task('nightly', '    schedule: { cron: "0 2 * * *" }\n    blackouts: [year_end, weekend]\n    notify: { on: [failed, missed], to: [oncall, finops] }\n')}`,
    );
    expect(lines).toContain('- Held back by the blackouts `year_end`, `weekend`');
    expect(lines).toContain('- Notifies `oncall`, `finops` when failed, missed');
    expect(lines.slice(lines.indexOf('## Blackout calendars'))).toEqual([
      '## Blackout calendars',
      '',
      'Occurrences inside of a window do not run at their time; a start on request does.',
      '',
      '| Calendar | Title | Occurrences are | Windows |',
      '|---|---|---|---|',
      "| `year_end` | Year's end | skipped | 2026-12-24T00:00 to 2027-01-02T00:00 (Europe/Berlin) |",
      '| `weekend` | weekend | delayed to the end | At 22:00, only on Friday (UTC), `0 22 * * 5`, for 8h |',
      '',
    ]);
  });

  it('says nothing of calendars and notifications that are not there', () => {
    const text = render(`tasks:\n${task('nightly', '    schedule: { cron: "0 2 * * *" }\n')}`).join(
      '\n',
    );
    expect(text).not.toMatch(/blackout|notifies/i);
  });

  it.each([
    ['', 'is put right within a minute (`reconcile: enforce`)'],
    ['reconcile: warn\n', 'is reported and left as it is (`reconcile: warn`)'],
  ])('says what becomes of schedulers that differ: %j', (head, expected) => {
    expect(render(`${head}tasks:\n${task('nightly', '')}`)).toContain(
      `A scheduler that is not as declared ${expected}.`,
    );
  });
});
