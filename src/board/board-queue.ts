import type { TaskDefinition } from '#registry/task';

/** A queue as the board shows it, with the tasks it serves. */
export interface BoardQueue {
  readonly queueName: string;
  /** At least one. */
  readonly tasks: readonly TaskDefinition[];
}

/** Path of the board below the gateway's address. */
export const BOARD_PREFIX = '/board';

/** Between group and queue in the board's names; neither may hold it. */
export const GROUP_DELIMITER = '.';

/** Tasks by the queue that serves them, in the registry's order. */
export const toBoardQueues = (
  entries: Iterable<{ readonly task: TaskDefinition; readonly queueName: string }>,
): readonly BoardQueue[] => {
  const tasks = new Map<string, TaskDefinition[]>();
  for (const { task, queueName } of entries) {
    const known = tasks.get(queueName);
    if (known === undefined) tasks.set(queueName, [task]);
    else known.push(task);
  }
  return [...tasks].map(([queueName, served]) => ({ queueName, tasks: served }));
};

/** The domain under which the board shows the queue; `shared` when its tasks are of several. */
export const groupOf = ({ tasks }: BoardQueue): string => {
  const groups = new Set(tasks.map(({ group }) => group));
  const [only] = groups;
  return groups.size === 1 && only !== undefined ? only : 'shared';
};

/** Path of a job's page below the gateway's address. */
export const boardJobPath = (queue: BoardQueue, jobId: string): string =>
  `${BOARD_PREFIX}/queue/${encodeURIComponent(
    `${groupOf(queue)}${GROUP_DELIMITER}${queue.queueName}`,
  )}/${encodeURIComponent(jobId)}`;
