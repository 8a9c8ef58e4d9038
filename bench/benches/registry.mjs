// A registry of 10,000 tasks: validated, planned and applied again unchanged,
// on both queue backends, and how that grows from a sixteenth of it.
import path from 'node:path';
import { nextOccurrence } from '#occurrences/occurrence-times';
import { createQueueEngine } from '#queue/create-queue-engine';
import { parseRegistry } from '#registry/parse-registry';
import { createOccurrenceLedger } from '#runner/ledger/postgres-occurrence-ledger';
import { applyRegistry, planRegistryChanges } from '#runner/schedule/apply-registry';
import { declareRegistry } from '#runner/schedule/declare-tasks';
import { createTaskCatalog } from '#runner/task-catalog';
import { applyMigrations, listMigrations } from '#storage/migrations/migrate';
import { openBullPool, openDatabase } from '#storage/postgres/postgres-database';
import { withPostgres, withRedis } from '../engines.mjs';
import { noopJobs } from '../quiet-system.mjs';

const SIZES = [625, 2_500, 10_000];

const registryText = (tasks) => `version: 1
tasks:
${Array.from(
  { length: tasks },
  (_, index) => `  task_${index}:
    title: Task ${index}
    description: Does nothing, as number ${index}.
    job: noop
    owner: bench
    schedule: { cron: "${index % 60} ${index % 24} * * ${index % 7}" }
    timezone: ${index % 3 === 0 ? 'Europe/Berlin' : 'UTC'}
    permissions: { start: [tools.jobs.start], read: [tools.jobs.read] }
    inputs:
      type: object
      additionalProperties: false
      properties:
        window_hours: { type: integer, minimum: 1, maximum: 744, default: 24 }
`,
).join('')}`;

const timed = async (work) => {
  const startedMs = performance.now();
  const result = await work();
  return { ms: Math.round(performance.now() - startedMs), result };
};

const measure = async (dsn, target, tasks) => {
  const database = openDatabase({ dsn, maxConnections: 20, applicationName: 'bench' });
  const migrations = path.join(import.meta.dirname, '..', '..', 'migrations');
  await applyMigrations(database, { migrations: await listMigrations(migrations) });
  const queue = createQueueEngine(target, { onError: () => undefined, nextSlot: nextOccurrence });
  await queue.connect();
  const context = { ledger: createOccurrenceLedger(database), queue };
  const text = registryText(tasks);
  const validated = await timed(() => parseRegistry({ file: 'bench.yml', text }));
  const declared = declareRegistry(createTaskCatalog(validated.result, noopJobs()));
  const first = await timed(() => applyRegistry(context, declared, 'bench'));
  const plan = await timed(() => planRegistryChanges(context, declared));
  const again = await timed(() => applyRegistry(context, declared, 'bench'));
  await queue.close();
  await database.close();
  return {
    tasks,
    validate_ms: validated.ms,
    first_apply_ms: first.ms,
    plan_ms: plan.ms,
    plan_items: plan.result.items.length,
    apply_unchanged_ms: again.ms,
    total_ms: validated.ms + plan.ms + again.ms,
  };
};

/** How the total grows with the tasks: 1 is linear. */
const exponent = (rows) => {
  const [first, last] = [rows[0], rows.at(-1)];
  const ratio = Math.log(last.total_ms / first.total_ms) / Math.log(last.tasks / first.tasks);
  return Math.round(ratio * 100) / 100;
};

const grow = async (run) => {
  const rows = [];
  for (const tasks of SIZES) rows.push(await run(tasks));
  return { rows, exponent: exponent(rows), wanted_total_ms: 10_000 };
};

export const bench = async () => ({
  redis: await grow((tasks) =>
    withPostgres((dsn) =>
      withRedis((redisUrl) => measure(dsn, { redisUrl, prefix: 'bench' }, tasks)),
    ),
  ),
  postgres: await grow((tasks) =>
    withPostgres(async (dsn) => {
      const pool = openBullPool({ dsn, maxConnections: 30 });
      try {
        return await measure(dsn, { pool }, tasks);
      } finally {
        await pool.end();
      }
    }),
  ),
});
