import type { TaskId } from '#core/ids';
import { nextOccurrence } from '#occurrences/occurrence-times';
import type { QueueEngine } from '#queue/queue-port';
import { type Declaration, digestOf, registryDigest } from '#registry/declaration';
import { compareSchedules, type PlanItem, planRegistry } from '#registry/plan-registry';
import type { ReconcilePolicy } from '#registry/task';
import type { OccurrenceLedger, RegistryBook, Revision } from '../ledger/occurrence-ledger.ts';
import { listLiveSchedules, writeSchedules } from './engine-schedules.ts';

/** A registry that is to become the law. */
export interface DeclaredRegistry {
  readonly declarations: ReadonlyMap<TaskId, Declaration>;
  readonly reconcile: ReconcilePolicy;
}

export interface RegistryContext {
  readonly ledger: OccurrenceLedger;
  readonly queue: QueueEngine;
}

export interface RegistryPlan {
  readonly items: readonly PlanItem[];
  /** Another reconcile policy is in force. */
  readonly reconcileChanges: boolean;
  /** What is in force; null before the first registry was applied. */
  readonly revision: Revision | null;
}

const queuesOf = (
  declarations: Iterable<Declaration>,
  everUsed: readonly string[],
): ReadonlySet<string> =>
  new Set([...everUsed, ...[...declarations].map(({ queueName }) => queueName)]);

const plan = async (
  { ledger, queue }: RegistryContext,
  { declarations, reconcile }: DeclaredRegistry,
  book: RegistryBook,
) => {
  const [applied, revision] = [await book.listApplied(), await book.findRevision()];
  const queueNames = queuesOf(declarations.values(), await ledger.listQueueNames());
  const live = await listLiveSchedules(queue, queueNames);
  const inForce = new Map([...applied].map(([id, { declaration }]) => [id, declaration]));
  const items = planRegistry({ declared: declarations, applied: inForce, live });
  const reconcileChanges = revision !== null && revision.reconcile !== reconcile;
  return { items, reconcileChanges, revision, live, inForce };
};

/** What applying would change; changes nothing. */
export const planRegistryChanges = (
  context: RegistryContext,
  declared: DeclaredRegistry,
): Promise<RegistryPlan> =>
  context.ledger.withRegistry(async (book) => {
    const { items, reconcileChanges, revision } = await plan(context, declared, book);
    return { items, reconcileChanges, revision };
  });

const writeLedger = async (
  book: RegistryBook,
  declared: DeclaredRegistry,
  change: {
    readonly inForce: ReadonlyMap<string, Declaration>;
    readonly items: readonly PlanItem[];
    readonly appliedBy: string;
    readonly digest: string;
  },
): Promise<void> => {
  const { inForce, items, appliedBy, digest } = change;
  const { declarations, reconcile } = declared;
  const gone = [...inForce.keys()].filter((id) => !declarations.has(id as TaskId)) as TaskId[];
  const ofKind = (kind: PlanItem['kind']): readonly Declaration[] =>
    items.flatMap((item) => (item.kind === kind && item.declared !== null ? [item.declared] : []));
  const changed = ofKind('changed');
  const ended = [...gone, ...changed.map(({ task }) => task.id)];
  // What fell due under the old declarations is expected by them.
  await book.openExpected(ended);
  await book.retire(ended);
  const revision = await book.record({
    digest,
    reconcile,
    appliedBy,
    changes: items.map(({ kind, taskId, detail }) => ({ kind, task: taskId, detail })),
  });
  await book.enact(
    revision,
    [...ofKind('added'), ...changed].map((declaration) => ({
      declaration,
      digest: digestOf(declaration),
      nextAt: declaration.expects === null ? null : nextOccurrence(declaration.expects, book.now),
    })),
  );
};

/**
 * Makes the registry the law: its declarations in the ledger, its schedules in
 * the engine, both or neither. Occurrences that were due before are recorded
 * first, so that nothing is lost with the schedulers that are replaced. Hosts
 * that apply at once take turns; the last one's registry stays in force.
 */
export const applyRegistry = (
  context: RegistryContext,
  declared: DeclaredRegistry,
  appliedBy: string,
): Promise<RegistryPlan> =>
  context.ledger.withRegistry(async (book) => {
    const { items, reconcileChanges, revision, live, inForce } = await plan(
      context,
      declared,
      book,
    );
    const digest = registryDigest([...declared.declarations.values()], declared.reconcile);
    if (revision?.digest !== digest)
      await writeLedger(book, declared, { inForce, items, appliedBy, digest });
    await writeSchedules(context.queue, compareSchedules(declared.declarations.values(), live));
    return { items, reconcileChanges, revision: await book.findRevision() };
  });
