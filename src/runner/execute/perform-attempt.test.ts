import { describe, expect, it } from 'vitest';
import type { JobOutcome } from '#job-kit/job';
import { FakeClock } from '#test/support/fake-clock';
import type { Run } from '../run.ts';
import type { CatalogEntry } from '../task-catalog.ts';
import { type AttemptControl, performAttempt } from './perform-attempt.ts';

const TIMEOUT_MS = 60_000;
const entry = { task: { timeoutMs: TIMEOUT_MS } } as CatalogEntry;
const success: JobOutcome = { kind: 'succeeded', summary: {} };

/** Starts an attempt of a job that is given as a function of its signal. */
const start = (job: (signal: AbortSignal, clock: FakeClock) => Promise<JobOutcome>) => {
  const clock = new FakeClock('2026-01-05T09:00:00Z');
  const started: { control?: AttemptControl } = {};
  let killed = false;
  const end = performAttempt({
    run: {} as Run,
    entry,
    clock,
    execute: (signal) => ({
      outcome: job(signal, clock),
      traces: () => ({ reports: [], effects: null }),
      kill: () => {
        killed = true;
      },
    }),
    onControl: (control) => {
      started.control = control;
    },
  });
  return { clock, end, control: () => started.control, wasKilled: () => killed };
};

const untilAborted = (signal: AbortSignal): Promise<JobOutcome> =>
  new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });

describe('performAttempt', () => {
  it('answers the outcome and how long it took', async () => {
    const { clock, end } = start(async (_signal, time) => {
      await time.sleep(1_500);
      return success;
    });
    await clock.advance(2_000);
    expect(await end).toMatchObject({
      ending: { kind: 'returned', outcome: success },
      durationMs: 1_500,
      ignoredSignal: false,
    });
  });

  it('aborts a job at its timeout', async () => {
    const { clock, end } = start(untilAborted);
    await clock.advance(TIMEOUT_MS);
    expect((await end).ending).toEqual({
      kind: 'aborted',
      cause: 'timeout',
      detail: 'ran longer than its timeout of 60 s',
    });
  });

  it('gives up a job that ignores its signal for 10 s, and kills it where it can', async () => {
    const { clock, end, wasKilled } = start(() => new Promise(() => {}));
    await clock.advance(TIMEOUT_MS + 9_999);
    expect(wasKilled()).toBe(false);
    await clock.advance(1);
    expect(await end).toMatchObject({ ending: { cause: 'timeout' }, ignoredSignal: true });
    expect(wasKilled()).toBe(true);
  });

  it('takes the first cause when several come', async () => {
    const { end, control } = start(untilAborted);
    control()?.abort('cancelled', 'cancelled by ops');
    control()?.abort('shutdown', 'the worker shuts down');
    expect((await end).ending).toMatchObject({ cause: 'cancelled' });
  });

  it.each([
    ['shutdown', 'returned'],
    ['cancelled', 'aborted'],
    ['lease_lost', 'aborted'],
  ] as const)('a job that succeeds in spite of %s counts as %s', async (cause, kind) => {
    const { end, control } = start(
      (signal) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => resolve(success), { once: true });
        }),
    );
    control()?.abort(cause, 'why');
    expect((await end).ending.kind).toBe(kind);
  });

  it('keeps what a job threw', async () => {
    const error = new Error('no');
    const { end } = start(() => Promise.reject(error));
    expect((await end).ending).toEqual({ kind: 'threw', error });
  });
});
