import type { AuditStore } from '#audit/audit-store';
import { AppError, messageOf } from '#core/errors';
import type { ReadinessCheck } from '#gateway/routes/health-routes';
import type { QueueEngine } from '#queue/queue-port';
import { listLiveWorkers } from '#runner/ledger/workers';
import type { Database } from '#storage/database';

const PING_TIMEOUT_MS = 2_000;

const check = async (name: string, probe: () => Promise<string>): Promise<ReadinessCheck> => {
  try {
    return { name, ok: true, detail: await probe() };
  } catch (error) {
    return { name, ok: false, detail: messageOf(error) };
  }
};

/** What a process needs to serve, each probed now. */
export const probeEngines = (
  database: Database,
  queue: QueueEngine,
): Promise<readonly ReadinessCheck[]> =>
  Promise.all([
    check('database', async () => {
      await database.ping(PING_TIMEOUT_MS);
      return 'PostgreSQL answers';
    }),
    check('queue', async () => {
      const { ok, detail, warnings } = await queue.health();
      if (!ok) throw new AppError('unavailable', detail);
      return [detail, ...warnings].join('; ');
    }),
  ]);

/** Whether anybody executes runs; a gateway without a worker accepts starts that nobody takes. */
export const probeWorkers = (database: Database): Promise<ReadinessCheck> =>
  check('workers', async () => {
    const workers = await listLiveWorkers(database);
    if (workers.length === 0) throw new Error('no worker sent a heartbeat in the last 15 s');
    return `${workers.length} alive`;
  });

/** Whether the audit trail takes events, as its store knows by itself: nothing is asked for it. */
export const probeAudit = (audit: Pick<AuditStore, 'health' | 'activeBackend'>): ReadinessCheck => {
  const { ok, detail } = audit.health();
  return { name: 'audit', ok, detail: `${audit.activeBackend()}: ${detail}` };
};
