import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { packageRoot } from '#core/package-root';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { SystemClient } from '../support/system-client.ts';
import { type SystemProcess, startSystemProcess } from '../support/system-process.ts';

const KEY = 'key-of-the-acceptance-tests';

/** The shipped registry with the clean-up in a process of its own, and with runs of the digest kept for a year. */
const registryText = (): string =>
  readFileSync(path.join(packageRoot(), 'registry', 'task_registry.yml'), 'utf8')
    .replace('job: audit-cleanup', 'job: audit-cleanup\n    isolate: true')
    .replace('job: daily-cost-digest', 'job: daily-cost-digest\n    keep_runs: 365d');

describe('a task in a process of its own', { timeout: 120_000 }, () => {
  let cwd: string;
  let ledger: TestDatabase;
  let system: SystemProcess;
  let client: SystemClient;

  beforeEach(async () => {
    cwd = mkdtempSync(path.join(tmpdir(), 'opsloop-isolated-'));
    const file = path.join(cwd, 'tasks.yml');
    writeFileSync(file, registryText());
    ledger = await createTestDatabase();
    system = await startSystemProcess({
      cwd,
      env: {
        GATEWAY_PORT: '0',
        GATEWAY_API_KEY: KEY,
        DATABASE_URL: ledger.dsn,
        OPSLOOP_REGISTRY: file,
      },
    });
    client = new SystemClient(system, KEY);
    // The worker has read it; whoever asks the file from now on finds it wanting.
    rmSync(file);
  });
  afterEach(async () => {
    system.signal('SIGKILL');
    await system.ended;
    await ledger.drop();
    rmSync(cwd, { recursive: true, force: true });
  });

  it('knows of the other tasks what its worker knows, such as how long their runs are kept', async () => {
    for (const days of [100, 400]) {
      const runId = await client.start('daily_cost_digest');
      await client.untilState(runId, 'succeeded');
      await ledger.database.execute(
        'UPDATE task_runs SET finished_at = now() - make_interval(days => $2) WHERE id = $1',
        [runId, days],
      );
    }
    const { body } = await client.call({
      action: 'start_task',
      params: { task_id: 'audit_cleanup', dry_run: true },
    });
    expect(await client.untilEnded(String(body['run_id']))).toMatchObject({
      state: 'succeeded',
      result: { removed_runs: 1 },
    });
  });
});
