import type { Declaration } from '#registry/declaration';
import type { CatalogEntry, TaskCatalog } from '../task-catalog.ts';
import type { DeclaredRegistry } from './apply-registry.ts';

const declare = (entry: CatalogEntry): Declaration => {
  const { position: _position, ...task } = entry.task;
  const { queueName, expects, calendars, scheduleInputs, scheduleInputsHash } = entry;
  return {
    task,
    queueName,
    expects,
    calendars,
    start:
      scheduleInputs === null || scheduleInputsHash === null
        ? null
        : { inputs: scheduleInputs, inputsHash: scheduleInputsHash },
  };
};

/** What the registry says, as the ledger keeps it. */
export const declareRegistry = (catalog: TaskCatalog): DeclaredRegistry => ({
  declarations: new Map([...catalog].map(([taskId, entry]) => [taskId, declare(entry)])),
  reconcile: catalog.reconcile,
});
