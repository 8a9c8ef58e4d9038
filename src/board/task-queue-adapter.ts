import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { AppError } from '#core/errors';
import { isRunId } from '#core/ids';
import type { Actor } from '#runner/run';
import type { Runs } from '#runner/runs';
import { type BoardQueue, GROUP_DELIMITER, groupOf } from './board-queue.ts';
import { currentSession, findActor } from './board-session.ts';
import { describeQueue, titleOf } from './describe-queue.ts';
import type { PauseView } from './pause-view.ts';
import { readStartForm, startFormSchema, taskOfJobName } from './start-form.ts';

export type BullQueue = ConstructorParameters<typeof BullMQAdapter>[0];
type AddedJob = Awaited<ReturnType<BullMQAdapter['addJob']>>;
type AdapterOptions = NonNullable<ConstructorParameters<typeof BullMQAdapter>[1]>;
type JobJson = Parameters<NonNullable<AdapterOptions['externalJobUrl']>>[0];

type ExternalUrl = ReturnType<NonNullable<AdapterOptions['externalJobUrl']>>;

export interface TaskQueueAdapterOptions {
  readonly queue: BoardQueue;
  readonly bullQueue: BullQueue;
  readonly runs: Runs;
  readonly pauses: PauseView;
  /** Address of a run's page for the browser. */
  readonly runUrl: (runId: string) => string;
}

const runIdIn = (value: unknown): string | null => {
  const id: unknown =
    value !== null && typeof value === 'object' ? Reflect.get(value, 'run_id') : undefined;
  return typeof id === 'string' && isRunId(id) ? id : null;
};

const runIdOf = (job: JobJson): string | null =>
  runIdIn(job.data) ??
  runIdIn(job.returnvalue) ??
  (isRunId(String(job.id)) ? String(job.id) : null);

/** What the runner puts into a job of its own; inputs have passed the task's schema. */
const SHOWN_FIELDS: ReadonlySet<string> = new Set([
  'run_id',
  'trigger',
  'actor',
  'scheduled_for',
  'dry_run',
  'inputs',
]);

/** Of a job's data only what the runner puts there: anything else may be somebody's secret. */
const showData = (data: unknown): Readonly<Record<string, unknown>> => {
  if (data === null || typeof data !== 'object') return {};
  const entries = Object.entries(data);
  const shown = runIdIn(data) === null ? [] : entries.filter(([key]) => SHOWN_FIELDS.has(key));
  const hidden = entries.length - shown.length;
  return { ...Object.fromEntries(shown), ...(hidden === 0 ? {} : { hidden_fields: hidden }) };
};

// The schedule's next job has no run yet. Bull Board leaves a link out for
// which nothing is answered, though its type does not say so.
const linkToRun = (job: JobJson, runUrl: (runId: string) => string): ExternalUrl => {
  const runId = runIdOf(job);
  if (runId === null) return undefined as unknown as ExternalUrl;
  return { displayText: 'Open run', href: runUrl(runId) };
};

const toAdapterOptions = (options: TaskQueueAdapterOptions): AdapterOptions => {
  const { queue, runUrl } = options;
  const shown = {
    displayName: titleOf(queue),
    description: describeQueue(queue),
    prefix: `${groupOf(queue)}${GROUP_DELIMITER}`,
    delimiter: GROUP_DELIMITER,
    jobDataSchema: { ...startFormSchema(queue) },
    // A run that succeeded is started anew, never retried.
    allowCompletedRetries: false,
    externalJobUrl: (job: JobJson) => linkToRun(job, runUrl),
  };
  return shown;
};

/**
 * A queue on the board. Reading goes to BullMQ; every change goes to the
 * runner instead, which checks who asks and what, and writes it down.
 */
export class TaskQueueAdapter extends BullMQAdapter {
  readonly #options: TaskQueueAdapterOptions;

  constructor(options: TaskQueueAdapterOptions) {
    super(options.bullQueue, toAdapterOptions(options));
    this.#options = options;
    this.setFormatter('data', showData);
    this.setVisibilityGuard(() => {
      const actor = findActor();
      return actor !== null && this.isVisibleTo(actor);
    });
  }

  get boardQueue(): BoardQueue {
    return this.#options.queue;
  }

  /** A queue shows the runs of all its tasks, so one must be allowed to read them all. */
  isVisibleTo(actor: Actor): boolean {
    return this.#options.queue.tasks.every(({ permissions }) =>
      permissions.read.every(
        (needed) => actor.entitlements.has(needed) || actor.entitlements.has('*'),
      ),
    );
  }

  /** Starts a run. Throws what `Runs.start` throws, and `invalid_input` for job options. */
  override async addJob(
    name: string,
    data: unknown,
    jobOptions: object | undefined,
  ): Promise<AddedJob> {
    const { queue, bullQueue, runs } = this.#options;
    const task = taskOfJobName(queue, name);
    const form = readStartForm(task, data);
    if (jobOptions !== undefined && Object.keys(jobOptions).length > 0)
      throw new AppError('invalid_input', 'job options are not accepted', {
        violations: [
          { path: '$.options', message: 'must be {}: attempts and timeouts stand in the registry' },
        ],
      });
    const { actor, noteStartedRun } = currentSession();
    const started = await runs.start({
      taskId: task.id,
      inputs: form.inputs,
      dryRun: form.dryRun,
      force: false,
      trigger: 'board',
      actor,
      ...(form.scheduledFor === undefined ? {} : { scheduledFor: form.scheduledFor }),
      ...(form.dryRunId === undefined ? {} : { dryRunId: form.dryRunId }),
    });
    noteStartedRun(started.runId);
    return (await bullQueue.getJob(started.runId)) ?? acceptedJob(started.runId, task.id);
  }

  /** Pauses the tasks in the ledger, where it says who did it and outlasts the engine. */
  override async pause(): Promise<void> {
    const { queue, runs, pauses } = this.#options;
    const { actor } = currentSession();
    for (const { id } of queue.tasks) await runs.pauseTask(actor, id, 'paused on the board');
    pauses.forget();
  }

  override async resume(): Promise<void> {
    const { queue, runs, pauses } = this.#options;
    const { actor } = currentSession();
    for (const { id } of queue.tasks) await runs.resumeTask(actor, id);
    pauses.forget();
    // Somebody may have paused the queue in the engine itself.
    if (await super.isPaused()) await super.resume();
  }

  /** True when every task of the queue is paused, or the engine holds the queue. */
  override async isPaused(): Promise<boolean> {
    const { queue, pauses } = this.#options;
    if (await super.isPaused()) return true;
    const paused = await pauses.pausedTasks().catch(() => new Set());
    return queue.tasks.every(({ id }) => paused.has(id));
  }
}

// The run is in the ledger and its job was queued; it may have ended and been
// removed before we could look. Bull Board only shows what stands here.
const acceptedJob = (runId: string, name: string): AddedJob => {
  const job = {
    toJSON: () => ({
      id: runId,
      name,
      data: { run_id: runId },
      opts: {},
      progress: 0,
      attemptsMade: 0,
      timestamp: 0,
      failedReason: '',
      stacktrace: [],
      returnvalue: null,
    }),
    getState: async () => 'unknown',
  };
  return job as unknown as AddedJob;
};
