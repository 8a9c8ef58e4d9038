import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AuditAggregateQuery, AuditReader } from '#audit/audit-store';
import { statusClassOf } from '#audit/call-status';
import { createJsonlAuditReader } from '#audit/read/jsonl-audit-reader';
import { createPostgresAuditReader } from '#audit/read/postgres-audit-reader';
import {
  type AuditEventLine,
  auditEvent,
  insertEvents,
  writeGzipDays,
  writeJsonlDays,
  writeParquetDays,
} from '#test/support/audit-events';
import { memoryAuditReader } from '#test/support/memory-audit-view';
import { createTestDatabase, type TestDatabase } from '#test/support/postgres';

const DAY_MS = 86_400_000;
const START = Date.parse('2026-11-02T00:00:00Z');
const RANGE = { from: new Date(START), to: new Date(START + 3 * DAY_MS) };

let root: string;
let postgres: TestDatabase;

beforeAll(async () => {
  root = await mkdtemp(path.join(os.tmpdir(), 'opsloop-contract-'));
  postgres = await createTestDatabase();
});

afterAll(async () => {
  await postgres.drop();
  await rm(root, { recursive: true, force: true });
});

/** Names that need escapes, quoting, or more than one UTF-16 unit; the ones text columns can hold. */
const name = fc.oneof(
  fc.constantFrom('search', "o'clock", 'a"b\\c', 'tab\there', 'ü', '😀', ' ', 'Zed', '_'),
  fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 6 })
    .filter((text) => !text.includes('\0')),
);

const offsets = fc.constantFrom('Z', '+00:00', '+05:30', '-08:00');

const instant = fc
  .tuple(fc.integer({ min: -DAY_MS, max: 4 * DAY_MS }), offsets)
  .map(([ms, offset]) => {
    const sign = offset.startsWith('-') ? -1 : 1;
    const [hours = 0, minutes = 0] = offset === 'Z' ? [] : offset.slice(1).split(':').map(Number);
    const local = new Date(START + ms + sign * (hours * 60 + minutes) * 60_000);
    return local.toISOString().replace('Z', offset);
  });

const event: fc.Arbitrary<AuditEventLine> = fc
  .record({
    ts: instant,
    tool: name,
    agent_id: fc.constantFrom('a1', 'a2', 'Ä'),
    user_id: name,
    workspace_id: fc.constantFrom('w1', 'w2'),
    status: fc.constantFrom('pass', 'ok', 'error', 'Failed', 'denied', 'timeout', 'odd'),
    duration_ms: fc.oneof(fc.nat(5000), fc.constantFrom(0, 2_147_483_647)),
  })
  .map((given) => auditEvent(given));

interface Backend {
  readonly backend: string;
  make(events: readonly AuditEventLine[], directory: string): Promise<AuditReader>;
}

const files = (directory: string): AuditReader =>
  createJsonlAuditReader({
    directory,
    whenMissing: 'empty',
    tempDir: path.join(root, 'tmp'),
  });

const BACKENDS: readonly Backend[] = [
  // What the tests of the cost engine count with is held to the same contract.
  { backend: 'memory', make: async (events) => memoryAuditReader(events) },
  {
    backend: 'jsonl',
    make: async (events, directory) => {
      await writeJsonlDays(directory, events);
      return files(directory);
    },
  },
  {
    backend: 'gzip',
    make: async (events, directory) => {
      await writeGzipDays(directory, events);
      return files(directory);
    },
  },
  {
    backend: 'parquet',
    make: async (events, directory) => {
      await writeParquetDays(directory, events);
      return files(directory);
    },
  },
  {
    backend: 'all three forms at once',
    make: async (events, directory) => {
      await writeJsonlDays(directory, events);
      await writeGzipDays(directory, events);
      await writeParquetDays(directory, events);
      return files(directory);
    },
  },
  {
    backend: 'postgres',
    make: async (events) => {
      await postgres.database.execute('TRUNCATE tool_audit_events');
      await insertEvents(postgres.database, events);
      return createPostgresAuditReader({ database: postgres.database });
    },
  },
];

const QUERIES: readonly Omit<AuditAggregateQuery, 'from' | 'to'>[] = [
  { groupBy: [], withP95: true },
  { groupBy: ['tool'], withP95: true },
  { groupBy: ['agent_id', 'tool'], toolsApart: ['search', "o'clock"] },
  { groupBy: ['user_id'], statuses: ['pass', 'other'] },
  { groupBy: ['status', 'workspace_id'], bucketMs: 3_600_000 },
  { groupBy: ['tool'], bucketMs: 7 * 60_000, toolsApart: [] },
];

const askAll = async (reader: AuditReader): Promise<unknown> => {
  const view = await reader.open({ ...RANGE, signal: new AbortController().signal });
  try {
    expect(view.quality).toMatchObject({ partial: false, rejectedCount: 0, problems: [] });
    const answers: unknown[] = [];
    for (const query of QUERIES) {
      answers.push(await view.aggregate({ ...RANGE, ...query }));
      const part = { from: new Date(START + 3_600_001), to: new Date(START + DAY_MS) };
      answers.push(await view.aggregate({ ...part, ...query }));
    }
    return answers;
  } finally {
    await view.close();
  }
};

/** The same figures in the plainest way. */
const expectedTotals = (events: readonly AuditEventLine[]) => {
  const inRange = events.filter(({ ts }) => {
    const at = Date.parse(ts);
    return at >= RANGE.from.getTime() && at < RANGE.to.getTime();
  });
  const durations = inRange.map((call) => call.duration_ms).sort((a, b) => a - b);
  const rank = 19 * (durations.length - 1);
  const low = durations[Math.floor(rank / 20)] ?? 0;
  const high = durations[Math.ceil(rank / 20)] ?? 0;
  const classes = inRange.map((call) => statusClassOf(call.status));
  return inRange.length === 0
    ? []
    : [
        {
          key: {},
          calls: inRange.length,
          durationMsSum: durations.reduce((sum, ms) => sum + ms, 0),
          failed: classes.filter((status) => status === 'error' || status === 'timeout').length,
          denied: classes.filter((status) => status === 'denied').length,
          p95DurationMs: (low * 20 + (high - low) * (rank % 20)) / 20,
        },
      ];
};

describe('the audit reader', () => {
  it('answers the same from every backend, and what counting by hand gives', async () => {
    let round = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 60 }), async (events) => {
        round += 1;
        const answers: unknown[] = [];
        for (const [index, { make }] of BACKENDS.entries()) {
          const directory = path.join(root, `round-${round}-${index}`);
          const reader = await make(events, directory);
          answers.push(await askAll(reader));
          await rm(directory, { recursive: true, force: true });
        }
        const [first] = answers;
        for (const [index, answer] of answers.entries()) {
          expect(answer, BACKENDS[index]?.backend).toEqual(first);
        }
        expect((first as readonly unknown[])[0]).toEqual(expectedTotals(events));
      }),
      { numRuns: 10 },
    );
  }, 180_000);

  it('fails the suite when a backend counts wrongly', async () => {
    await postgres.database.execute('TRUNCATE tool_audit_events');
    const events = [
      auditEvent({ ts: '2026-11-02T10:00:00Z' }),
      auditEvent({ ts: '2026-11-02T11:00:00Z', req_id: '2' }),
    ];
    await insertEvents(postgres.database, events.slice(1));
    const broken = await askAll(createPostgresAuditReader({ database: postgres.database }));
    const directory = path.join(root, 'whole');
    await writeJsonlDays(directory, events);
    expect(await askAll(files(directory))).not.toEqual(broken);
  });

  it('sees one snapshot for the life of a PostgreSQL view', async () => {
    await postgres.database.execute('TRUNCATE tool_audit_events');
    await insertEvents(postgres.database, [auditEvent({ ts: '2026-11-02T10:00:00Z' })]);
    const reader = createPostgresAuditReader({ database: postgres.database });
    const view = await reader.open({ ...RANGE, signal: new AbortController().signal });
    try {
      await insertEvents(postgres.database, [auditEvent({ ts: '2026-11-02T11:00:00Z' })]);
      const [row] = await view.aggregate({ ...RANGE, groupBy: [] });
      expect(row?.calls).toBe(1);
    } finally {
      await view.close();
    }
    const after = await reader.open({ ...RANGE, signal: new AbortController().signal });
    expect((await after.aggregate({ ...RANGE, groupBy: [] }))[0]?.calls).toBe(2);
    await after.close();
  });

  it('stops a running statement of PostgreSQL and gives its connection back', async () => {
    await postgres.database.execute('TRUNCATE tool_audit_events');
    await postgres.database.execute(
      `INSERT INTO tool_audit_events (ts, req_id, workspace_id, user_id, agent_id, tool, action, status, duration_ms)
       SELECT '2026-11-02T10:00:00Z', n::text, 'w', 'u' || n, 'a', 't', 'call', 'pass', n FROM generate_series(1, 20000) AS n`,
    );
    const stop = new AbortController();
    const reader = createPostgresAuditReader({ database: postgres.database });
    const view = await reader.open({ ...RANGE, signal: stop.signal });
    const question = view.aggregate({
      ...RANGE,
      groupBy: ['user_id'],
      withP95: true,
      bucketMs: 1000,
    });
    stop.abort(new Error('enough'));
    await question.catch((error: unknown) => expect(error).toMatchObject({ message: 'enough' }));
    await expect(view.aggregate({ ...RANGE, groupBy: [] })).rejects.toThrow('enough');
    await view.close().catch(() => undefined);
    await postgres.database.execute('TRUNCATE tool_audit_events');
  });
});
