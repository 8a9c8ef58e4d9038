// The audit trail to JSONL files, against a raw stream that writes the same bytes.
import { once } from 'node:events';
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { eventOf, exponentOf, perSecond, SIZES, withStore, writeAll } from '../audit-trail.mjs';

// Made beforehand: what is measured is keeping events, not making them.
const RING = Array.from({ length: 20_000 }, (_, index) => eventOf(index));
const LINES = RING.map((event) => `${JSON.stringify(event)}\n`);
const ringEvent = (index) => RING[index % RING.length];

const raw = async (count) => {
  const root = mkdtempSync(path.join(tmpdir(), 'opsloop-bench-raw-'));
  const file = path.join(root, 'raw.jsonl');
  try {
    const startedMs = performance.now();
    const stream = createWriteStream(file);
    for (let index = 0; index < count; index += 1)
      if (!stream.write(LINES[index % LINES.length])) await once(stream, 'drain');
    stream.end();
    await once(stream, 'finish');
    const handle = await open(file, 'r');
    await handle.datasync();
    await handle.close();
    return performance.now() - startedMs;
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
};

const ours = (count) =>
  withStore('jsonl', null, async (store) => {
    const startedMs = performance.now();
    await writeAll(store, count, ringEvent);
    return performance.now() - startedMs;
  });

export const bench = async () => {
  await ours(50_000);
  await raw(50_000);
  const rows = [];
  for (const events of SIZES) {
    const rawMs = await raw(events);
    const oursMs = await ours(events);
    rows.push({
      events,
      events_per_second: perSecond(events, oursMs),
      raw_per_second: perSecond(events, rawMs),
      ratio: Math.round((rawMs / oursMs) * 100) / 100,
      ms: Math.round(oursMs),
    });
  }
  return { wanted_ratio: 0.5, rows, exponent: exponentOf(rows, ({ ms }) => ms) };
};
