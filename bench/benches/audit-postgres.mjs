// The audit trail to PostgreSQL, sustained and exactly once: from the first
// write until the last event is in the table. Against one raw COPY of the same
// rows into the same indexed table, and against INSERTs of 50 rows each.

import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import {
  eventOf,
  exponentOf,
  newEventId,
  perSecond,
  SIZES,
  withStore,
  withTable,
  writeAll,
} from '../audit-trail.mjs';
import { withPostgres } from '../engines.mjs';

const COLUMNS = [...Object.keys(eventOf(0)), 'event_id'];
const valuesOf = (index) => [...Object.values(eventOf(index)), newEventId()];

const connect = async (dsn) => {
  const client = new pg.Client({ connectionString: dsn });
  await client.connect();
  return client;
};

function* copyText(count) {
  for (let start = 0; start < count; start += 1_000) {
    let text = '';
    for (let index = start; index < Math.min(count, start + 1_000); index += 1)
      text += `${valuesOf(index)
        .map((value) => (value === null ? '\\N' : value))
        .join('\t')}\n`;
    yield text;
  }
}

const rawCopy = async (dsn, count) => {
  const client = await connect(dsn);
  try {
    await client.query('TRUNCATE tool_audit_events');
    const startedMs = performance.now();
    const sink = client.query(
      copyFrom(`COPY tool_audit_events (${COLUMNS.join(', ')}) FROM STDIN`),
    );
    await pipeline(Readable.from(copyText(count)), sink);
    return performance.now() - startedMs;
  } finally {
    await client.end();
  }
};

const inserts = async (dsn, count) => {
  const client = await connect(dsn);
  try {
    await client.query('TRUNCATE tool_audit_events');
    const startedMs = performance.now();
    for (let start = 0; start < count; start += 50) {
      const values = [];
      const tuples = [];
      for (let index = start; index < Math.min(count, start + 50); index += 1) {
        tuples.push(`(${COLUMNS.map((_name, at) => `$${values.length + at + 1}`).join(', ')})`);
        values.push(...valuesOf(index));
      }
      await client.query(
        `INSERT INTO tool_audit_events (${COLUMNS.join(', ')}) VALUES ${tuples.join(', ')}`,
        values,
      );
    }
    return performance.now() - startedMs;
  } finally {
    await client.end();
  }
};

const ours = (dsn, count) =>
  withTable(dsn, (database) =>
    withStore('auto', database, async (store) => {
      const startedMs = performance.now();
      await writeAll(store, count);
      const writtenMs = performance.now() - startedMs;
      while (store.health().pendingEvents > 0)
        await new Promise((resolve) => setTimeout(resolve, 5));
      const ms = performance.now() - startedMs;
      const [row] = await database.query(
        'SELECT count(*) AS events, count(DISTINCT req_id) AS different FROM tool_audit_events',
      );
      if (row.events !== count || row.different !== count)
        throw new Error(`${row.events} rows of ${row.different} events for ${count}`);
      return { ms, writtenMs };
    }),
  );

export const bench = () =>
  withPostgres(async (dsn) => {
    await ours(dsn, 50_000);
    const rows = [];
    for (const events of SIZES) {
      const copyMs = await rawCopy(dsn, events);
      const { ms, writtenMs } = await ours(dsn, events);
      rows.push({
        events,
        events_per_second: perSecond(events, ms),
        durable_per_second: perSecond(events, writtenMs),
        copy_per_second: perSecond(events, copyMs),
        ratio: Math.round((copyMs / ms) * 100) / 100,
        ms: Math.round(ms),
      });
    }
    const [first] = SIZES;
    const insertMs = await inserts(dsn, first);
    return {
      wanted_ratio: 0.6,
      rows,
      exponent: exponentOf(rows, ({ ms }) => ms),
      inserts_of_50_per_second: perSecond(first, insertMs),
    };
  });
