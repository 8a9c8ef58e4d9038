import { describe, expect, it } from 'vitest';
import { expandOutputs } from './outputs.ts';

const DAILY = [
  'ops/reports/cost/{scheduled_for:yyyy-MM-dd}.json',
  'ops/reports/cost/{scheduled_for:yyyy-MM-dd}.md',
];

const canonicalPath = (template: string, instant: string, timezone = 'UTC'): string | undefined =>
  expandOutputs(
    { outputs: [template], timezone },
    { scheduledFor: new Date(instant), canonical: true, inputsHash: null },
  )[0];

describe('placeholders', () => {
  it.each([
    ['{scheduled_for:yyyy-MM-dd}', '2026-11-02T09:00Z', '2026-11-02'],
    ['{scheduled_for:yyyy-MM}', '2026-01-31T23:59Z', '2026-01'],
    ['{scheduled_for:yyyy}', '2026-12-31T23:59Z', '2026'],
    ['{scheduled_for:yyyyMMddTHHmmssZ}', '2026-11-02T09:05:06.789Z', '20261102T090506Z'],
    ['week-{scheduled_for:YYYY-WW}', '2026-11-02T02:00Z', 'week-2026-45'],
    // ISO weeks belong to the year of their Thursday.
    ['{scheduled_for:YYYY-WW}', '2026-01-01T00:00Z', '2026-01'],
    ['{scheduled_for:YYYY-WW}', '2027-01-01T00:00Z', '2026-53'],
    ['{scheduled_for:YYYY-WW}', '2027-01-03T23:59Z', '2026-53'],
    ['{scheduled_for:YYYY-WW}', '2027-01-04T00:00Z', '2027-01'],
    ['{scheduled_for:YYYY-WW}', '2024-12-30T00:00Z', '2025-01'],
    ['{scheduled_for:yyyy}/{scheduled_for:YYYY-WW}', '2024-12-30T00:00Z', '2024/2025-01'],
  ])('%s at %s is %s', (template, instant, expected) => {
    expect(canonicalPath(`ops/reports/${template}.md`, instant)).toBe(`ops/reports/${expected}.md`);
  });

  it("are filled in the task's zone", () => {
    const template = 'ops/reports/{scheduled_for:yyyy-MM-dd}.md';
    expect(canonicalPath(template, '2026-11-01T23:30Z', 'Asia/Tokyo')).toBe(
      'ops/reports/2026-11-02.md',
    );
    expect(canonicalPath(template, '2026-11-02T03:30Z', 'America/New_York')).toBe(
      'ops/reports/2026-11-01.md',
    );
  });
});

describe('a run that is not canonical', () => {
  const scheduledFor = new Date('2026-11-02T10:11:12.345Z');

  it('adds its instant to each path', () => {
    expect(
      expandOutputs(
        { outputs: DAILY, timezone: 'UTC' },
        { scheduledFor, canonical: false, inputsHash: null },
      ),
    ).toEqual([
      'ops/reports/cost/2026-11-02-at-20261102T101112Z.json',
      'ops/reports/cost/2026-11-02-at-20261102T101112Z.md',
    ]);
  });

  it('adds six digits of the hash of other inputs', () => {
    expect(
      expandOutputs(
        { outputs: DAILY, timezone: 'UTC' },
        { scheduledFor, canonical: false, inputsHash: 'abcdef0123456789' },
      ),
    ).toEqual([
      'ops/reports/cost/2026-11-02-at-20261102T101112Z-abcdef.json',
      'ops/reports/cost/2026-11-02-at-20261102T101112Z-abcdef.md',
    ]);
  });
});
