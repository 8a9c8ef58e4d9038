import { expect, it } from 'vitest';
import type { AuditEvent } from '../audit-event.ts';
import { createMemoryAuditStore } from '../backends/memory-audit-store.ts';
import { pageEvents } from './page-events.ts';

const START = Date.parse('2026-11-04T00:00:00Z');
const eventAt = (ts: string, index: number): Record<string, unknown> => ({
  ts,
  req_id: `req-${index}`,
  workspace_id: 'w1',
  user_id: 'u1',
  agent_id: index % 3 === 0 ? 'a1' : 'a2',
  tool: 'search',
  action: 'call',
  status: 'pass',
  duration_ms: 1,
});

const collect = async (
  store: ReturnType<typeof createMemoryAuditStore>,
  filter: { agentId?: string } = {},
) => {
  const range = { from: new Date(START), to: new Date(START + 7 * 86_400_000) };
  const pages: (readonly AuditEvent[])[] = [];
  const options = { filter, signal: new AbortController().signal, maxPageEvents: 200 };
  for await (const page of pageEvents(store, range, options)) pages.push(page.events);
  return pages;
};

it('hands out every event once and in order, also where one instant holds more than a page', async () => {
  const store = createMemoryAuditStore();
  const times = [
    ...Array.from({ length: 250 }, () => START + 5_000),
    ...Array.from({ length: 300 }, (_, index) => START + 60_000 + Math.floor(index / 3)),
    START + 6 * 86_400_000,
    START + 7 * 86_400_000 - 1,
    // At the end, which is not part of the range.
    START + 7 * 86_400_000,
  ];
  times.forEach((ms, index) => {
    expect(store.write(eventAt(new Date(ms).toISOString(), index)).outcome).toBe('accepted');
  });
  const pages = await collect(store);
  expect(pages.flat().map(({ req_id }) => req_id)).toEqual(
    times.slice(0, -1).map((_ms, index) => `req-${index}`),
  );
  expect(Math.max(...pages.slice(1).map((page) => page.length))).toBeLessThanOrEqual(250);
  const ofOne = await collect(store, { agentId: 'a1' });
  expect(ofOne.flat()).toHaveLength(Math.ceil((times.length - 1) / 3));
});

it('keeps what lies between two milliseconds', async () => {
  const store = createMemoryAuditStore();
  store.write(eventAt('2026-11-04T00:59:59.999900Z', 0));
  store.write(eventAt('2026-11-04T01:00:00.000100Z', 1));
  expect((await collect(store)).flat()).toHaveLength(2);
});
