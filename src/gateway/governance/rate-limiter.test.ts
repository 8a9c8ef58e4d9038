import { expect, it } from 'vitest';
import { FakeClock } from '#test/support/fake-clock';
import { RateLimiter } from './rate-limiter.ts';

const START = '2026-01-01T00:00:00Z';

it('allows the calls of a window, then says when to come again', async () => {
  const clock = new FakeClock(START);
  const limiter = new RateLimiter({ clock, calls: 2, windowMs: 10_000 });
  expect([limiter.take('a'), limiter.take('a'), limiter.take('a')]).toEqual([null, null, 10]);
  expect(limiter.take('b')).toBeNull();
  await clock.advance(4_000);
  expect(limiter.take('a')).toBe(6);
});

it('counts the share of the former window that still lies in the sliding one', async () => {
  const clock = new FakeClock(START);
  const limiter = new RateLimiter({ clock, calls: 4, windowMs: 10_000 });
  for (let call = 0; call < 4; call += 1) limiter.take('a');
  await clock.advance(12_500);
  expect([limiter.take('a'), limiter.take('a')]).toEqual([null, 8]);
  await clock.advance(20_000);
  for (let call = 0; call < 4; call += 1) expect(limiter.take('a')).toBeNull();
});

it('takes back a call that is not to count', () => {
  const limiter = new RateLimiter({ clock: new FakeClock(START), calls: 1, windowMs: 1_000 });
  expect(limiter.take('a')).toBeNull();
  limiter.giveBack('a');
  expect(limiter.take('a')).toBeNull();
  limiter.giveBack('nobody');
});
