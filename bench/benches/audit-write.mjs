// `write()` of the audit trail on its caller's thread, against an empty async
// call, at a steady rate: with PostgreSQL there, and while it is away. The
// longest stall of the event loop is told beside it.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { eventOf, SIZES, withStore, withTable } from '../audit-trail.mjs';
import { withPostgres } from '../engines.mjs';

const PER_TICK = 100;
const TICK_MS = 5;

const quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
const micros = (ms) => Math.round(ms * 1_000 * 10) / 10;
const spread = (times) => {
  const sorted = Float64Array.from(times).sort();
  return {
    p50_us: micros(quantile(sorted, 0.5)),
    p99_us: micros(quantile(sorted, 0.99)),
    max_us: micros(sorted.at(-1)),
  };
};

/** Calls at a steady rate of 20,000 a second, the events made before the clock runs. */
const paced = async (count, call) => {
  const times = new Float64Array(count);
  const stalls = monitorEventLoopDelay({ resolution: 1 });
  stalls.enable();
  for (let done = 0; done < count; ) {
    const batch = Array.from({ length: Math.min(PER_TICK, count - done) }, (_, at) =>
      eventOf(done + at),
    );
    for (const event of batch) {
      const startedMs = performance.now();
      call(event);
      times[done] = performance.now() - startedMs;
      done += 1;
    }
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }
  stalls.disable();
  return { ...spread(times), longest_stall_ms: Math.round(stalls.max / 1e5) / 10 };
};

const refusals = (store) => {
  const { refusedEvents, acceptedEvents } = store.health();
  return { accepted: acceptedEvents, refused: refusedEvents };
};

const empty = async () => undefined;

const measured = async (store, count) => {
  await paced(20_000, (event) => store.write(event));
  return { ...(await paced(count, (event) => store.write(event))), ...refusals(store) };
};

export const bench = async () => {
  const count = SIZES[1];
  await paced(20_000, () => void empty());
  const results = {
    wanted: { p99_us: 50, longest_stall_ms: 20 },
    empty_async_call: await paced(count, () => void empty()),
    jsonl: await withStore('jsonl', null, (store) => measured(store, count)),
  };
  await withPostgres((dsn) =>
    withTable(dsn, async (database) => {
      results.auto = await withStore('auto', database, (store) => measured(store, count));
    }),
  );
  const { openDatabase } = await import('#storage/postgres/postgres-database');
  const away = openDatabase({
    dsn: 'postgres://nobody@127.0.0.1:9/none',
    maxConnections: 2,
    applicationName: 'bench',
  });
  results.auto_during_an_outage = await withStore('auto', away, (store) => measured(store, count));
  await away.close();
  return results;
};
