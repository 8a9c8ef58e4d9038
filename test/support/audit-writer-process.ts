import path from 'node:path';
import { performance } from 'node:perf_hooks';
import type { AuditStore } from '#audit/audit-store';
import { openAuditStore } from '#audit/backends/open-audit-store';
import { systemClock } from '#core/clock';
import { messageOf } from '#core/errors';
import { openDatabase } from '#storage/postgres/postgres-database';
import { auditEvent } from './audit-events.ts';

// Writes numbered events until it is told to end, and says after each flush
// what that covered: node run-typescript.mjs THIS ROOT DSN BACKEND PREFIX TOTAL
const [, , root = '', dsn = '', backend = 'auto', prefix = '', total = '0'] = process.argv;
const PER_FLUSH = 1_000;
const PER_TURN = 50;
const FLUSHES_PER_READ = 20;
/** The pace of a busy gateway, so that an outage leaves a backlog and not a mountain. */
const PAUSE_MS = 20;

const silent = (): void => undefined;
const database =
  dsn === '' ? null : openDatabase({ dsn, maxConnections: 3, applicationName: 'audit-writer' });
const store: AuditStore = await openAuditStore({
  backend: backend === 'jsonl' ? 'jsonl' : 'auto',
  database,
  jsonlDir: path.join(root, 'audit'),
  dataDir: path.join(root, 'data'),
  tempDir: path.join(root, 'tmp'),
  fsync: 'never',
  recoverySeconds: 1,
  clock: systemClock,
  logger: { info: silent, warn: silent, error: silent },
});

const say = (message: object): void => console.log(JSON.stringify(message));
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

let longestUs = 0;
let refused = '';
const write = (n: number): boolean => {
  const event = auditEvent({
    ts: new Date(Date.parse('2026-11-04T23:59:30.000Z') + n).toISOString(),
    req_id: `${prefix}-${n}`,
  });
  const startedAt = performance.now();
  const answer = store.write(event);
  longestUs = Math.max(longestUs, Math.round((performance.now() - startedAt) * 1000));
  if (answer.outcome === 'refused') refused = answer.reason;
  return answer.outcome === 'accepted';
};

let isEnding = false;
process.stdin.on('end', () => {
  isEnding = true;
});
process.stdin.resume();

say({ ready: true });
let told = '';
let flushes = 0;
for (let n = 0; n < Number(total) && !isEnding; ) {
  for (const until = Math.min(n + PER_FLUSH, Number(total)); n < until; ) {
    if (!write(n)) break;
    n += 1;
    if (n % PER_TURN === 0) await turn();
  }
  const failure = await store.flush().then(
    () => null,
    (error: unknown) => messageOf(error),
  );
  const { repairedLines, ok, blocks } = store.health();
  if (failure !== null) {
    say({ failure, ok, blocks, refused });
    await systemClock.sleep(PAUSE_MS);
    continue;
  }
  const backendNow = store.activeBackend();
  say({ flushed: n, backend: backendNow, longestUs, refused, repairedLines });
  flushes += 1;
  // An outage may begin before the end of the one before was noticed.
  if (backendNow !== told || flushes % FLUSHES_PER_READ === 0) {
    told = backendNow;
    const { quality } = await store.read({ limit: 1 });
    say({ source: quality.sourceBackend, partial: quality.partial });
  }
  await systemClock.sleep(PAUSE_MS);
}
while (!isEnding || store.health().pendingEvents > 0) {
  if (store.health().pendingEvents === 0) {
    say({ done: true });
    break;
  }
  await systemClock.sleep(20);
}
await store.close();
await database?.close();
process.exit(0);
