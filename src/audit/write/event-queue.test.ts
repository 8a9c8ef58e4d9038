import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { AuditEvent } from '../audit-event.ts';
import { eventLine } from './event-line.ts';
import { EventQueue } from './event-queue.ts';

const eventOf = (day: number, text: string): AuditEvent => ({
  ts: `2026-11-0${day}T12:00:00.000Z`,
  req_id: text,
  workspace_id: 'w',
  user_id: 'u',
  agent_id: 'a',
  tool: 't',
  action: 'call',
  status: 'pass',
  duration_ms: 1,
  in_size: 2,
  out_size: 3,
  input_hash: '',
  graph_run_id: null,
  graph_node: null,
  job_id: null,
});

const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('add' as const),
      day: fc.integer({ min: 1, max: 2 }),
      text: fc.string({ unit: 'binary', maxLength: 512 }),
      times: fc.integer({ min: 1, max: 200 }),
    }),
  },
  fc.record({
    kind: fc.constant('drop' as const),
    day: fc.integer({ min: 1, max: 2 }),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
  }),
);

it('gives back every line once and in order, whatever part of a piece was stored', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const queue = new EventQueue();
      const model = new Map<number, string[]>([
        [1, []],
        [2, []],
      ]);
      const check = (day: number): number => {
        const { bytes, count } = queue.piece(`2026-11-0${day}`);
        expect(bytes.toString('utf8')).toBe((model.get(day) ?? []).slice(0, count).join(''));
        if ((model.get(day)?.length ?? 0) > 0) expect(count).toBeGreaterThan(0);
        return count;
      };
      for (const each of steps) {
        if (each.kind === 'add') {
          const event = eventOf(each.day, each.text);
          for (let time = 0; time < each.times; time += 1) {
            queue.add(event);
            model.get(each.day)?.push(eventLine(event));
          }
        } else {
          const stored = Math.floor(check(each.day) * each.share);
          queue.drop(`2026-11-0${each.day}`, stored);
          model.get(each.day)?.splice(0, stored);
        }
        const left = [...model.values()].reduce((sum, lines) => sum + lines.length, 0);
        expect(queue.size).toBe(left);
      }
      for (const day of [1, 2]) {
        for (let count = check(day); count > 0; count = check(day)) {
          queue.drop(`2026-11-0${day}`, count);
          model.get(day)?.splice(0, count);
        }
        expect(model.get(day)).toEqual([]);
      }
      expect(queue.waiting()).toEqual([]);
    }),
    { numRuns: 50 },
  );
});

it('is full after two hundred thousand events, and takes more once some are stored', () => {
  const queue = new EventQueue();
  const event = eventOf(1, 'x');
  for (let count = 0; count < 200_000; count += 1) {
    expect(queue.isFull).toBe(false);
    queue.add(event);
  }
  expect(queue.isFull).toBe(true);
  queue.drop('2026-11-01', queue.piece('2026-11-01').count);
  expect(queue.isFull).toBe(false);
});
