import { describe, expect, it } from 'vitest';
import { changesBetween, phaseAt } from './zone-offsets.ts';
import { formatLocal } from './zone-time.ts';

describe('formatLocal', () => {
  it.each([
    ['Europe/Berlin', '2026-11-25T08:00Z', '2026-11-25 09:00 +01:00'],
    ['Europe/Berlin', '2026-07-01T22:30Z', '2026-07-02 00:30 +02:00'],
    ['UTC', '2026-11-25T08:00Z', '2026-11-25 08:00 +00:00'],
    ['America/St_Johns', '2026-01-01T00:00Z', '2025-12-31 20:30 -03:30'],
    ['Asia/Kolkata', '2026-01-01T00:00:15Z', '2026-01-01 05:30:15 +05:30'],
    // Before standard time offsets had seconds.
    ['Europe/Paris', '1890-01-01T00:00Z', '1890-01-01 00:09:21 +00:09:21'],
  ])('in %s at %s is %s', (timezone, instant, expected) => {
    expect(formatLocal(timezone, new Date(instant))).toBe(expected);
  });

  it('tells the two of a repeated hour apart', () => {
    const shown = ['05:30Z', '06:30Z'].map((time) =>
      formatLocal('America/New_York', new Date(`2026-11-01T${time}`)),
    );
    expect(shown).toEqual(['2026-11-01 01:30 -04:00', '2026-11-01 01:30 -05:00']);
  });
});

const changeInstants = (timezone: string, from: string, to: string): readonly string[] =>
  changesBetween(timezone, { from: Date.parse(from), to: Date.parse(to) }).map(({ at }) =>
    new Date(at).toISOString(),
  );

describe('changesBetween', () => {
  it('finds changes to the second, over several years', () => {
    expect(changeInstants('Europe/Berlin', '2026-01-01', '2028-01-01')).toEqual([
      '2026-03-29T01:00:00.000Z',
      '2026-10-25T01:00:00.000Z',
      '2027-03-28T01:00:00.000Z',
      '2027-10-31T01:00:00.000Z',
    ]);
  });

  it.each([
    // The closest that are known, seven days apart.
    ['America/Recife', '2000-09-01', ['2000-10-08T03:00:00.000Z', '2000-10-15T02:00:00.000Z']],
    [
      'America/Argentina/Tucuman',
      '2004-05-01',
      ['2004-06-01T03:00:00.000Z', '2004-06-13T04:00:00.000Z'],
    ],
  ])('finds changes of %s that follow each other closely', (timezone, from, expected) => {
    expect(changeInstants(timezone, from, `${from.slice(0, 4)}-12-01`)).toEqual(expected);
  });

  it('takes the begin of its range and leaves the end', () => {
    const [from, to] = ['2026-03-29T01:00:00Z', '2026-10-25T01:00:00Z'];
    expect(changeInstants('Europe/Berlin', from, to)).toEqual(['2026-03-29T01:00:00.000Z']);
  });
});

describe('phaseAt', () => {
  // Kiritimati left out the first day of 1995; the change is still at work when the year begins in UTC.
  it.each([
    ['Europe/Berlin', '2026-01-01', '2027-01-01'],
    ['Australia/Lord_Howe', '2026-01-01', '2027-01-01'],
    ['Pacific/Apia', '2011-06-01', '2012-06-01'],
    ['Pacific/Kiritimati', '1994-06-01', '1995-06-01'],
  ])('covers %s from %s to %s without a hole', (timezone, from, to) => {
    const end = Date.parse(to);
    let cursor = Date.parse(from);
    let phases = 0;
    while (cursor < end) {
      const phase = phaseAt(timezone, cursor);
      expect(phase.from).toBeLessThanOrEqual(cursor);
      expect(phase.to).toBeGreaterThan(cursor);
      expect(phaseAt(timezone, phase.to - 1)).toEqual(phase);
      cursor = phase.to;
      phases += 1;
    }
    expect(phases).toBeGreaterThan(2);
  });
});
