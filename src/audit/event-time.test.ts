import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isPlainEventTime, parseEventTime, utcText } from './event-time.ts';

describe('the time of an event', () => {
  it.each([
    ['2026-11-04T12:00:00.000Z', '2026-11-04T12:00:00.000Z', '2026-11-04T12:00:00.000Z'],
    ['2026-11-04t12:00:00z', '2026-11-04T12:00:00Z', '2026-11-04T12:00:00.000Z'],
    ['2026-11-04 12:00:00', '2026-11-04T12:00:00Z', '2026-11-04T12:00:00.000Z'],
    ['2026-11-04T00:30:00+02:00', '2026-11-04T00:30:00+02:00', '2026-11-03T22:30:00.000Z'],
    ['2026-11-04T23:30:00.5-0530', '2026-11-04T23:30:00.5-05:30', '2026-11-05T05:00:00.500Z'],
    [
      '2026-11-04T12:00:00.123456789+02',
      '2026-11-04T12:00:00.123456+02:00',
      '2026-11-04T10:00:00.123456Z',
    ],
    ['2028-02-29T00:00:00Z', '2028-02-29T00:00:00Z', '2028-02-29T00:00:00.000Z'],
    ['9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999Z'],
  ])('%s is kept as %s', (sent, text, utc) => {
    const time = parseEventTime(sent);
    expect(time?.text).toBe(text);
    expect(time === null ? '' : utcText(time)).toBe(utc);
  });

  it.each([
    '2026-11-04',
    '2026-02-29T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-11-04T24:00:00Z',
    '2026-11-04T23:59:60Z',
    '2026-11-04T12:00Z',
    '2026-11-04T12:00:00+16:00',
    '1969-12-31T23:59:59Z',
    '1970-01-01T00:00:00+01:00',
    '9999-12-31T23:59:59-01:00',
    ' 2026-11-04T12:00:00Z',
    'epoch',
    '',
  ])('%s is none', (sent) => {
    expect(parseEventTime(sent)).toBeNull();
    expect(isPlainEventTime(sent)).toBe(false);
  });

  it('is told quickly only where the general reading says the same', () => {
    const plain = fc
      .date({ min: new Date('1950-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
      .map((at) => at.toISOString());
    const shaped = fc.stringMatching(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/);
    fc.assert(
      fc.property(fc.oneof(plain, shaped), (text) => {
        if (isPlainEventTime(text)) expect(parseEventTime(text)?.text).toBe(text);
      }),
    );
    expect(isPlainEventTime('2026-11-04T12:00:00.000Z')).toBe(true);
  });
});
