import { createBullBoard } from '@bull-board/api';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '#core/clock';
import { AppError, hasCode, type Violation } from '#core/errors';
import { Follower } from '#runner/live-catalog';
import type { Actor } from '#runner/run';
import type { Runs } from '#runner/runs';
import { nameChange, RETRY_ROUTE, requireAllowedChange } from './board-changes.ts';
import { adaptBoardPage, BOARD_STYLESHEET, STYLESHEET_NAME } from './board-page.ts';
import { BOARD_PREFIX, type BoardQueue } from './board-queue.ts';
import { BoardServerAdapter } from './board-server-adapter.ts';
import { runInSession } from './board-session.ts';
import { boardUiConfig } from './board-ui-config.ts';
import { PauseView } from './pause-view.ts';
import { QueueAdapters } from './queue-adapters.ts';
import { type BullQueue, TaskQueueAdapter } from './task-queue-adapter.ts';

export interface BoardOptions {
  /** At first. */
  readonly queues: readonly BoardQueue[];
  /** Calls `listener` with all queues whenever they change, until the function that it answers is called. Absent: they never do. */
  readonly onQueuesChange?: (listener: (queues: readonly BoardQueue[]) => void) => () => void;
  readonly engine: { bullQueue(queueName: string): Promise<BullQueue> };
  readonly runs: Runs;
  /** The run that a queue job stands for, from the ledger; null when it has none. */
  readonly findRunId: (job: {
    readonly queueName: string;
    readonly jobId: string;
  }) => Promise<string | null>;
  readonly clock: Clock;
  /** Shown as a badge, e.g. `production`; null for none. */
  readonly environment: string | null;
}

/** What the gateway tells a mounted part. */
interface MountContext {
  readonly basePath: string;
  readonly actorOf: (request: FastifyRequest) => Actor;
  readonly noteStartedRun: (request: FastifyRequest, runId: string) => void;
}

/** The part of the site under `/board`, in the shape the gateway mounts. */
export interface Board {
  readonly prefix: string;
  readonly contentSecurityPolicy: Readonly<Record<string, readonly string[]>>;
  readonly nameChange: typeof nameChange;
  /** An error as Bull Board's page shows it: a headline and a text. */
  formatError(error: {
    readonly code: string;
    readonly message: string;
    readonly violations: readonly Violation[];
  }): object;
  register(scope: FastifyInstance, context: MountContext): Promise<void>;
}

const routePattern = (request: FastifyRequest): string =>
  (request.routeOptions.url ?? '').slice(BOARD_PREFIX.length);

const retryRun = async (
  options: BoardOptions,
  adapters: QueueAdapters,
  request: FastifyRequest,
  actor: Actor,
): Promise<string> => {
  const { queueName, jobId } = request.params as { queueName: string; jobId: string };
  const adapter = adapters.find(queueName);
  if (adapter === null || !adapter.isVisibleTo(actor))
    throw new AppError('not_found', 'there is no queue of that name');
  const runId = await options.findRunId({ queueName: adapter.boardQueue.queueName, jobId });
  if (runId === null)
    throw new AppError('conflict', 'this job stands for no run; start a new run instead');
  return (await options.runs.retry(actor, runId, 'retry')).runId;
};

/** Scripts know a queue by its own name; the board's has the group before it. */
const acceptPlainQueueNames = (scope: FastifyInstance, adapters: QueueAdapters): void => {
  scope.addHook('preHandler', async (request) => {
    const params = request.params as { queueName?: string };
    const boardName = adapters.findBoardName(params.queueName ?? '');
    if (boardName !== null) params.queueName = boardName;
  });
};

const guardChanges = (
  scope: FastifyInstance,
  context: MountContext,
  retry: (request: FastifyRequest, actor: Actor) => Promise<string>,
): void => {
  scope.addHook('preHandler', async (request: FastifyRequest, reply: FastifyReply) => {
    const pattern = routePattern(request);
    requireAllowedChange(request.method, pattern);
    if (`${request.method} ${pattern}` !== RETRY_ROUTE) return;
    // BullMQ would run the old job again, past the ledger: a further run is started instead.
    context.noteStartedRun(request, await retry(request, context.actorOf(request)));
    return reply.code(204).send();
  });
  // Last, so that Bull Board's handler runs inside.
  scope.addHook('preHandler', (request, _reply, done) => {
    const noteStartedRun = (runId: string): void => context.noteStartedRun(request, runId);
    runInSession({ actor: context.actorOf(request), noteStartedRun }, done);
  });
};

const serveStylesheet = (scope: FastifyInstance): void => {
  scope.get(`/${STYLESHEET_NAME}`, { schema: { hide: true } }, async (_request, reply) =>
    reply
      .type('text/css; charset=utf-8')
      .header('cache-control', 'private, max-age=300')
      .send(BOARD_STYLESHEET),
  );
  scope.addHook('onSend', async (_request, reply, payload) => {
    const type = String(reply.getHeader('content-type') ?? '');
    if (!type.startsWith('text/html') || typeof payload !== 'string') return payload;
    reply.header('cache-control', 'no-store');
    reply.removeHeader('content-length');
    return adaptBoardPage(payload);
  });
};

/**
 * Shows the queues of a changed registry. They are made anew, all of them: a
 * queue that stays may have another title, form or readers.
 */
const followQueues = (
  scope: FastifyInstance,
  options: BoardOptions,
  show: (queues: readonly BoardQueue[]) => Promise<void>,
): void => {
  let current = options.queues;
  const follower = new Follower({
    clock: options.clock,
    follow: () => show(current),
    onFailure: (error) => {
      // An engine that is away is told by readiness; the board shows nothing of it meanwhile.
      if (!hasCode(error, 'unavailable'))
        scope.log.error({ err: error }, 'the board cannot show the queues of the changed registry');
    },
  });
  const unsubscribe = options.onQueuesChange?.((queues) => {
    current = queues;
    void follower.changed();
  });
  scope.addHook('onClose', async () => {
    unsubscribe?.();
    await follower.stop();
  });
};

/** Bull Board over the tasks' queues, with every change going through the runner. */
export const createBoard = (options: BoardOptions): Board => ({
  prefix: BOARD_PREFIX,
  // The form's editor sets styles of its own; scripts stay files of this server.
  contentSecurityPolicy: { styleSrc: ["'self'", "'unsafe-inline'"] },
  nameChange,

  formatError: ({ code, message, violations }) => ({
    error: message.charAt(0).toUpperCase() + message.slice(1),
    message: violations
      .map(({ path, message: what }) => `${path.replace(/^\$\.?(inputs\.)?/, '')} ${what}`.trim())
      .join('; '),
    code,
  }),

  async register(scope, context) {
    const pauses = new PauseView(options.runs, options.clock);
    const adapters = new QueueAdapters();
    const adapt = (queues: readonly BoardQueue[]): Promise<readonly TaskQueueAdapter[]> =>
      Promise.all(
        queues.map(
          async (queue) =>
            new TaskQueueAdapter({
              queue,
              bullQueue: await options.engine.bullQueue(queue.queueName),
              runs: options.runs,
              pauses,
              runUrl: (runId) => `${context.basePath}/v1/runs/${runId}`,
            }),
        ),
      );
    const server = new BoardServerAdapter();
    server.setBasePath(`${context.basePath}${BOARD_PREFIX}`);
    const first = await adapt(options.queues);
    adapters.replace(first);
    const { replaceQueues } = createBullBoard({
      queues: first,
      serverAdapter: server,
      options: { uiConfig: boardUiConfig(context.basePath, options.environment) },
    });
    followQueues(scope, options, async (queues) => {
      const changed = await adapt(queues);
      adapters.replace(changed);
      replaceQueues(changed);
    });
    acceptPlainQueueNames(scope, adapters);
    guardChanges(scope, context, (request, actor) => retryRun(options, adapters, request, actor));
    serveStylesheet(scope);
    await scope.register(server.registerPlugin());
  },
});
