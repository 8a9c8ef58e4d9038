import type { ScheduleDifference } from '#registry/plan-registry';
import type { ReconcilePolicy } from '#registry/task';
import type { RegistryContext } from './apply-registry.ts';
import { findScheduleDifferences, writeSchedules } from './engine-schedules.ts';

export interface Reconciled {
  readonly policy: ReconcilePolicy;
  /** Found, and mended where the policy is `enforce`. */
  readonly differences: readonly ScheduleDifference[];
}

/**
 * Holds the engine's schedulers against the registry that is in force, which is
 * the ledger's and not a file's: a host with another file enforces the same.
 * Null while none was ever applied.
 */
export const reconcileSchedules = ({
  ledger,
  queue,
}: RegistryContext): Promise<Reconciled | null> =>
  ledger.withRegistry(async (book) => {
    const revision = await book.findRevision();
    if (revision === null) return null;
    const declarations = [...(await book.listApplied()).values()].map(
      ({ declaration }) => declaration,
    );
    const differences = await findScheduleDifferences(
      queue,
      declarations,
      await ledger.listQueueNames(),
    );
    if (revision.reconcile === 'enforce') await writeSchedules(queue, differences);
    return { policy: revision.reconcile, differences };
  });
