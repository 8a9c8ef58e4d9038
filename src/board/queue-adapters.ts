import type { TaskQueueAdapter } from './task-queue-adapter.ts';

/** The queues that the board shows at this moment, by their names. */
export class QueueAdapters {
  #byBoardName: ReadonlyMap<string, TaskQueueAdapter> = new Map();
  #boardNames: ReadonlyMap<string, string> = new Map();

  replace(adapters: readonly TaskQueueAdapter[]): void {
    this.#byBoardName = new Map(adapters.map((adapter) => [adapter.getName(), adapter]));
    this.#boardNames = new Map(
      adapters.map((adapter) => [adapter.boardQueue.queueName, adapter.getName()]),
    );
  }

  find(boardName: string): TaskQueueAdapter | null {
    return this.#byBoardName.get(boardName) ?? null;
  }

  /** The name on the board, which has the group before the queue's own. */
  findBoardName(queueName: string): string | null {
    return this.#boardNames.get(queueName) ?? null;
  }
}
