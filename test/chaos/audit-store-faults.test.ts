import { mkdtemp, readdir, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '#core/package-root';
import type { Database } from '#storage/database';
import { applyMigrations, listMigrations } from '#storage/migrations/migrate';
import { openDatabase } from '#storage/postgres/postgres-database';
import { seededRandom } from '../simulation/seeded-random.ts';
import { type ScriptProcess, startScript } from '../support/child-process.ts';
import { type DisposablePostgres, startDisposablePostgres } from '../support/postgres.ts';

const SEEDS = Number(process.env['AUDIT_CHAOS_SEEDS'] ?? 3);
const WRITES_PER_SEED = Number(process.env['AUDIT_CHAOS_WRITES'] ?? 100_000);
const WRITER = 'test/support/audit-writer-process.ts';

let server: DisposablePostgres;
let database: Database;

beforeAll(async () => {
  server = await startDisposablePostgres();
  database = openDatabase({ dsn: server.dsn, maxConnections: 3, applicationName: 'chaos' });
  const migrations = await listMigrations(path.join(packageRoot(), 'migrations'));
  await applyMigrations(database, { migrations });
});
afterAll(async () => {
  await database.close();
  await server.dispose();
});

type Fault = 'stop PostgreSQL' | 'kill PostgreSQL' | 'kill the writer';
const FAULTS: readonly Fault[] = ['stop PostgreSQL', 'kill PostgreSQL', 'kill the writer'];

/** What one life of the writer is known to have made durable. */
interface Life {
  readonly prefix: string;
  flushed: number;
}

class Seed {
  readonly lives: Life[] = [];
  longestUs = 0;
  readonly random: () => number;
  private readonly seed: number;
  private readonly root: string;
  private writer: ScriptProcess | undefined;

  constructor(seed: number, root: string) {
    this.seed = seed;
    this.root = root;
    this.random = seededRandom(seed);
  }

  get flushed(): number {
    return this.lives.reduce((sum, { flushed }) => sum + flushed, 0);
  }

  async startWriter(total: number): Promise<void> {
    const prefix = `s${this.seed}-l${this.lives.length}`;
    this.lives.push({ prefix, flushed: 0 });
    this.writer = startScript(WRITER, [this.root, server.dsn, 'auto', prefix, String(total)]);
    expect(await this.writer.nextMessage()).toEqual({ ready: true });
  }

  async killWriter(): Promise<void> {
    await this.writer?.kill9();
  }

  /** The writer's next word, noted. */
  async hear(): Promise<Readonly<Record<string, unknown>>> {
    const message = (await this.writer?.nextMessage()) ?? {};
    const life = this.lives.at(-1);
    if (life !== undefined && typeof message['flushed'] === 'number') {
      life.flushed = message['flushed'];
      this.longestUs = Math.max(this.longestUs, Number(message['longestUs']));
      expect(message['refused']).toBe('');
    }
    return message;
  }

  /** Listens until the writer is done or has flushed this many events over all its lives. */
  async hearUntil(flushed: number): Promise<'done' | 'flushed'> {
    while (this.flushed < flushed) if ((await this.hear())['done'] === true) return 'done';
    return 'flushed';
  }

  /** Writes go on and a reading says where it comes from and that it is not all. */
  async hearOfOutage(): Promise<void> {
    for (;;) {
      const message = await this.hear();
      if (message['source'] !== 'jsonl_fallback') continue;
      expect(message['partial']).toBe(true);
      return;
    }
  }

  async finish(): Promise<void> {
    expect(await this.writer?.finish()).toBe(0);
  }
}

const strike = async (run: Seed, fault: Fault): Promise<void> => {
  if (fault === 'kill the writer') {
    await run.killWriter();
    await run.startWriter(1_000_000);
    return;
  }
  if (fault === 'stop PostgreSQL') await server.stop();
  else await server.kill9();
  await run.hearOfOutage();
  // The writer may die while its database is away as well.
  if (run.random() < 0.3) {
    await run.killWriter();
    await run.startWriter(1_000_000);
  }
  await server.start();
};

const expectExactlyOnce = async (run: Seed): Promise<void> => {
  const rows = await database.query<{ prefix: string; n: number; times: number }>(
    `SELECT split_part(req_id, '-', 1) || '-' || split_part(req_id, '-', 2) AS prefix,
       CAST(split_part(req_id, '-', 3) AS integer) AS n, count(*) AS times
     FROM tool_audit_events GROUP BY 1, 2`,
  );
  expect(rows.filter(({ times }) => times !== 1)).toEqual([]);
  const stored = new Map<string, Set<number>>();
  for (const { prefix, n } of rows) {
    stored.set(prefix, (stored.get(prefix) ?? new Set()).add(n));
  }
  for (const { prefix, flushed } of run.lives) {
    const missing = Array.from({ length: flushed }, (_, n) => n).filter(
      (n) => stored.get(prefix)?.has(n) !== true,
    );
    expect(missing, prefix).toEqual([]);
  }
};

describe('an audit trail whose PostgreSQL and writer are killed', () => {
  it.each(Array.from({ length: SEEDS }, (_, seed) => seed + 1))(
    'has every flushed event exactly once, seed %i',
    async (seed) => {
      const root = await mkdtemp(path.join(os.tmpdir(), 'opsloop-audit-chaos-'));
      const run = new Seed(seed, root);
      try {
        await database.execute('TRUNCATE tool_audit_events');
        await run.startWriter(1_000_000);
        const faults = [...FAULTS].sort(() => run.random() - 0.5);
        for (const [index, fault] of faults.entries()) {
          const at = ((index + 0.2 + run.random() * 0.6) / faults.length) * WRITES_PER_SEED;
          await run.hearUntil(at);
          await strike(run, fault);
        }
        await run.hearUntil(WRITES_PER_SEED);
        await run.killWriter();
        // A writer with nothing to write forwards what the dead ones left.
        await run.startWriter(0);
        expect((await run.hear())['done']).toBe(true);
        await run.finish();
        await expectExactlyOnce(run);
        expect(await readdir(path.join(root, 'audit', '.spool'))).toEqual([
          'forward.lock',
          'write.lock',
        ]);
        console.log(
          `seed ${seed}: ${run.flushed} events flushed by ${run.lives.length} lives (${faults.join(', ')}); the longest write took ${run.longestUs} µs`,
        );
      } finally {
        await run.killWriter();
        await server.start();
        await rm(root, { recursive: true, force: true });
      }
    },
  );
});
