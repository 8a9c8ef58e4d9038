import { QUEUE_CONTROL_CONTRACT } from './queue-control-contract.ts';
import { QUEUE_DELIVERY_CONTRACT } from './queue-delivery-contract.ts';
import { QUEUE_SCHEDULER_CONTRACT } from './queue-scheduler-contract.ts';
import { QUEUE_SLOT_CONTRACT } from './queue-slot-contract.ts';
import type { ContractCheck } from './queue-world.ts';

/** What every queue engine must do, whatever it runs on. Each check has a queue to itself. */
export const QUEUE_ENGINE_CONTRACT: readonly ContractCheck[] = [
  ...QUEUE_DELIVERY_CONTRACT,
  ...QUEUE_CONTROL_CONTRACT,
  ...QUEUE_SCHEDULER_CONTRACT,
  ...QUEUE_SLOT_CONTRACT,
];
