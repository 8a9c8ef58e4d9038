import { expect, it } from 'vitest';
import { CallSlots } from './call-slots.ts';

it('gives each caller so many places, and takes them back once', () => {
  const slots = new CallSlots(2);
  const [first, second] = [slots.take('a'), slots.take('a')];
  expect([first, second]).not.toContain(null);
  expect(slots.take('a')).toBeNull();
  expect(slots.take('b')).not.toBeNull();
  first?.end();
  first?.end();
  expect(slots.take('a')).not.toBeNull();
  expect(slots.take('a')).toBeNull();
});

it.each(['resolves', 'rejects'])('keeps a place until the work %s', async (how) => {
  const slots = new CallSlots(1);
  let settle: () => void = () => undefined;
  const work = new Promise<void>((resolve, reject) => {
    settle = how === 'resolves' ? resolve : () => reject(new Error('failed'));
  });
  const slot = slots.take('a');
  slot?.holdUntil(work);
  slot?.end();
  expect(slots.take('a')).toBeNull();
  settle();
  await work.catch(() => undefined);
  expect(slots.take('a')).not.toBeNull();
});
