import { AppError } from '#core/errors';

const READS = new Set(['GET', 'HEAD', 'OPTIONS']);

/** The changes that the board passes on; everything else is refused. */
const ALLOWED = new Set([
  'POST /api/queues/:queueName/add',
  'PUT /api/queues/:queueName/:jobId/retry',
  'PUT /api/queues/:queueName/pause',
  'PUT /api/queues/:queueName/resume',
  'PUT /api/queues/pause',
  'PUT /api/queues/resume',
]);

/**
 * What the audit trail calls a change: `pause`, `add`, or for one that is not
 * passed on the last word of its route (`obliterate`). Null for reads.
 */
export const nameChange = (
  method: string,
  pattern: string,
): { readonly tool: 'board'; readonly action: string } | null => {
  if (READS.has(method)) return null;
  const words = pattern.split('/').filter((step) => /^[a-z-]+$/.test(step));
  return { tool: 'board', action: (words.at(-1) ?? 'change').replaceAll('-', '_') };
};

export const RETRY_ROUTE = 'PUT /api/queues/:queueName/:jobId/retry';

const hintFor = (route: string): string => {
  if (route.includes('job-schedulers')) return 'schedules are changed in the registry';
  if (route.includes('promote')) return 'a schedule keeps its slots; start a run instead';
  if (route.includes('/retry/')) return 'retry runs one at a time, each becomes a further run';
  if (route.includes('update-data') || route.includes('delay') || route.includes('priority'))
    return 'a run keeps its inputs; start another run instead';
  if (route.includes('clean') || route.includes('empty') || route.includes('obliterate'))
    return 'nothing is removed here; finished jobs go by themselves and the run ledger keeps history';
  return 'limits of a queue are set in the registry';
};

/** Throws `forbidden` for every change that is not on the list. `route` is `<METHOD> <pattern below the board>`. */
export const requireAllowedChange = (method: string, pattern: string): void => {
  if (READS.has(method) || ALLOWED.has(`${method} ${pattern}`)) return;
  throw new AppError('forbidden', `not on the board: ${hintFor(pattern)}`);
};
