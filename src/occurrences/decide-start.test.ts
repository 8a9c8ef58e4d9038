import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BlackoutCalendar } from '#registry/task';
import { decideStart, type OccurrencePolicy, type StartFacts } from './decide-start.ts';

const at = (time: string): Date => new Date(`2026-03-02T${time}Z`);

const policy: OccurrencePolicy = {
  enabled: true,
  catchUp: 'latest',
  catchUpWindowMs: 86_400_000,
  overlap: 'skip',
  expects: { cron: '0 * * * *', timezone: 'UTC' },
  calendars: [],
};

const facts = (over: Partial<StartFacts> & { readonly with?: Partial<OccurrencePolicy> } = {}) => {
  const { with: changed, ...rest } = over;
  return {
    policy: { ...policy, ...changed },
    now: at('09:00:01'),
    scheduledFor: at('09:00:00'),
    lateAt: at('09:10:00'),
    delivery: 'delivered' as const,
    pauses: [],
    newestDueAt: at('09:00:00'),
    activeRun: null,
    isPaceTaken: false,
    ...rest,
  };
};

const decided = (over: Parameters<typeof facts>[0]): string => {
  const decision = decideStart(facts(over));
  if (decision.kind === 'run') return `run ${decision.trigger}`;
  if (decision.kind === 'close') return `${decision.end.state} ${decision.end.reason}`;
  if (decision.kind === 'delay') return `delay ${decision.until.toISOString().slice(11, 16)}`;
  return 'wait';
};

const pause = (from: string, to: string | null) => ({
  from: at(from),
  to: to === null ? null : at(to),
  by: 'ann',
  reason: 'audit',
});

const calendar = (action: 'skip' | 'delay', from: string, to: string): BlackoutCalendar => ({
  name: 'freeze',
  title: 'Freeze',
  timezone: 'UTC',
  action,
  windows: [{ kind: 'once', from: `2026-03-02T${from}`, to: `2026-03-02T${to}` }],
});

const LATE = { now: at('12:30:00') } as const;
const active = (accepted: string) => ({ id: 'run_x', acceptedAt: at(accepted) });

describe('an occurrence that is due', () => {
  it.each<[string, Parameters<typeof facts>[0], string]>([
    ['is run on delivery', {}, 'run schedule'],
    ['is left to the engine that is about to deliver it', { delivery: 'scheduled' }, 'wait'],
    ['is left to the engine that is delivering it', { delivery: 'under_way', ...LATE }, 'wait'],
    ['is run by the ledger when the engine has lost it', { delivery: 'none' }, 'run schedule'],
    ['is skipped while the task is disabled', { with: { enabled: false } }, 'skipped disabled'],
    ['is skipped in a pause', { pauses: [pause('08:00:00', null)] }, 'skipped paused'],
    [
      'is skipped when it fell into a pause that is over',
      { pauses: [pause('08:00:00', '09:00:01')], delivery: 'none', ...LATE },
      'skipped paused',
    ],
    ['waits when the pause began after it', { pauses: [pause('09:00:01', null)] }, 'wait'],
    [
      'runs after a pause that ended before it',
      { pauses: [pause('08:00:00', '09:00:00')] },
      'run schedule',
    ],
    ['is skipped while a run is active', { activeRun: active('08:00:00') }, 'skipped overlap'],
    [
      'queues behind an active run where the task says so',
      { activeRun: active('08:00:00'), with: { overlap: 'queue' } },
      'run schedule',
    ],
    [
      'is skipped for a run that was in its way, also when that is found late',
      { activeRun: active('08:00:00'), delivery: 'none', ...LATE },
      'skipped overlap',
    ],
    [
      'is caught up in spite of a run that came later',
      { activeRun: active('12:00:00'), delivery: 'none', ...LATE },
      'run catchup',
    ],
  ])('%s', (_what, over, expected) => {
    expect(decided(over)).toBe(expected);
  });
});

describe('an occurrence that is late', () => {
  it.each<[string, Parameters<typeof facts>[0], string]>([
    ['runs late when it is delivered', { ...LATE }, 'run schedule'],
    ['is caught up when nobody delivers it', { ...LATE, delivery: 'none' }, 'run catchup'],
    ['is caught up when no worker took it', { ...LATE, delivery: 'scheduled' }, 'run catchup'],
    [
      'waits for the one that is caught up before it',
      { ...LATE, delivery: 'none', isPaceTaken: true },
      'wait',
    ],
    [
      'is missed when a later one is due',
      { ...LATE, delivery: 'none', newestDueAt: at('12:00:00') },
      'missed superseded',
    ],
    [
      'is stale when it is delivered after a later one was due',
      { ...LATE, newestDueAt: at('12:00:00') },
      'skipped stale',
    ],
    [
      'is caught up beside later ones where the task catches up all',
      { ...LATE, delivery: 'none', newestDueAt: at('12:00:00'), with: { catchUp: 'all' } },
      'run catchup',
    ],
    [
      'is missed where the task does not catch up',
      { ...LATE, delivery: 'none', with: { catchUp: 'none' } },
      'missed catch_up',
    ],
    [
      'is stale where the task does not catch up',
      { ...LATE, with: { catchUp: 'none' } },
      'skipped stale',
    ],
    [
      'is missed when it is older than the window',
      { ...LATE, delivery: 'none', with: { catchUp: 'all', catchUpWindowMs: 3 * 3_600_000 } },
      'missed window',
    ],
  ])('%s', (_what, over, expected) => {
    expect(decided(over)).toBe(expected);
  });
});

describe('an occurrence in a blackout', () => {
  it.each<[string, Parameters<typeof facts>[0], string]>([
    [
      'is skipped',
      { with: { calendars: [calendar('skip', '08:30', '09:30')] } },
      'skipped blackout',
    ],
    [
      'is delayed to the end',
      { with: { calendars: [calendar('delay', '08:30', '09:30')] } },
      'delay 09:30',
    ],
    [
      'is skipped when a later one is delayed to the same end',
      { with: { calendars: [calendar('delay', '08:30', '10:30')] } },
      'skipped blackout',
    ],
    [
      'is delayed beside later ones where the task catches up all',
      { with: { calendars: [calendar('delay', '08:30', '10:30')], catchUp: 'all' } },
      'delay 10:30',
    ],
    [
      'runs when the window is over',
      {
        now: at('09:30:02'),
        lateAt: at('09:40:00'),
        delivery: 'none',
        with: { calendars: [calendar('delay', '08:30', '09:30')] },
      },
      'run schedule',
    ],
    [
      'is not caught up in a window that began after it',
      { ...LATE, delivery: 'none', with: { calendars: [calendar('skip', '12:00', '13:00')] } },
      'wait',
    ],
  ])('%s', (_what, over, expected) => {
    expect(decided(over)).toBe(expected);
  });
});

it('never runs what is disabled, paused, blacked out, or late without catch-up', () => {
  fc.assert(
    fc.property(
      fc.record({
        enabled: fc.boolean(),
        catchUp: fc.constantFrom('none', 'latest', 'all'),
        overlap: fc.constantFrom('skip', 'queue', 'allow'),
        delivery: fc.constantFrom('delivered', 'under_way', 'scheduled', 'none'),
        isPaused: fc.boolean(),
        isBlackedOut: fc.boolean(),
        ageMs: fc.integer({ min: 0, max: 3 * 86_400_000 }),
        isBusy: fc.boolean(),
        isPaceTaken: fc.boolean(),
      } as const),
      ({
        enabled,
        catchUp,
        overlap,
        delivery,
        isPaused,
        isBlackedOut,
        ageMs,
        isBusy,
        isPaceTaken,
      }) => {
        const now = new Date(at('09:00:00').getTime() + ageMs);
        const decision = decideStart(
          facts({
            now,
            delivery,
            isPaceTaken,
            pauses: isPaused ? [pause('08:00:00', '09:30:00')] : [],
            activeRun: isBusy ? active('08:59:00') : null,
            with: {
              enabled,
              catchUp,
              overlap,
              calendars: isBlackedOut ? [calendar('skip', '08:30', '09:30')] : [],
            },
          }),
        );
        if (decision.kind !== 'run') return;
        const isLate = now > at('09:10:00');
        expect(enabled && !isPaused && !isBlackedOut).toBe(true);
        expect(isLate && catchUp === 'none').toBe(false);
        expect(isBusy && overlap === 'skip').toBe(false);
        expect(isLate && ageMs > policy.catchUpWindowMs).toBe(false);
        if (decision.trigger === 'catchup')
          expect(isPaceTaken || delivery === 'delivered').toBe(false);
      },
    ),
  );
});
