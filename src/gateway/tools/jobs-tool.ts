import { Type } from 'typebox';
import { AppError } from '#core/errors';
import type { RunId } from '#core/ids';
import { toPlanRecord } from '#runner/plan-record';
import { RUN_STATES, RUN_TRIGGERS } from '#runner/run';
import { toRunRecord } from '#runner/run-record';
import type { Runs, StartedRun, StartRequest } from '#runner/runs';
import { toTaskDetailRecord, toTaskListRecord } from '#runner/task-record';
import { defineAction, type Tool, type ToolAnswer, type ToolCaller } from '../governance/tool.ts';

export interface JobsToolOptions {
  readonly runs: Runs;
  /** Path of a run's page on the board below the gateway's address, or null where it has none. */
  readonly boardPathOf: (run: { readonly taskId: string; readonly runId: string }) => string | null;
}

const closed = { additionalProperties: false } as const;

const TaskName = Type.String({ minLength: 1, maxLength: 200, description: 'Id of the task.' });
const RunName = Type.String({ minLength: 1, maxLength: 64, description: 'Id of the run.' });
const oneOf = (values: readonly string[]) => Type.String({ enum: [...values] });

const StartParams = Type.Object(
  {
    task_id: TaskName,
    inputs: Type.Optional(
      Type.Unknown({ description: "Object that the task's inputs schema accepts." }),
    ),
    dry_run: Type.Optional(
      Type.Boolean({ default: false, description: 'Record every effect instead of having it.' }),
    ),
    scheduled_for: Type.Optional(
      Type.String({
        maxLength: 64,
        description:
          "RFC 3339 instant the run stands for; default the task's latest occurrence (history jobs) or now (live jobs).",
      }),
    ),
    force: Type.Optional(
      Type.Boolean({
        default: false,
        description: 'Start a destructive task without a preceding dry-run; admins only.',
      }),
    ),
    dry_run_id: Type.Optional(
      Type.String({
        maxLength: 64,
        description: 'Run id of the dry-run that a destructive task asks for.',
      }),
    ),
  },
  closed,
);

const ListRunsParams = Type.Object(
  {
    task_id: Type.Optional(TaskName),
    states: Type.Optional(Type.Array(oneOf(RUN_STATES), { minItems: 1, uniqueItems: true })),
    triggers: Type.Optional(Type.Array(oneOf(RUN_TRIGGERS), { minItems: 1, uniqueItems: true })),
    from: Type.Optional(Type.String({ format: 'date-time', description: 'Accepted at or after.' })),
    to: Type.Optional(Type.String({ format: 'date-time', description: 'Accepted before.' })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, default: 50 })),
    before: Type.Optional(
      Type.String({
        pattern: '^run_[0-7][0-9A-HJKMNP-TV-Z]{25}$',
        description: 'Runs older than this one: `next_before` of the page before.',
      }),
    ),
  },
  closed,
);

const startedAnswer = (
  started: StartedRun,
  caller: ToolCaller,
  boardPathOf: JobsToolOptions['boardPathOf'],
): ToolAnswer => {
  const boardPath = boardPathOf(started);
  return {
    status: 202,
    startedRunId: started.runId,
    body: {
      run_id: started.runId,
      task_id: started.taskId,
      status: started.status,
      dry_run: started.dryRun,
      board_url: boardPath === null ? null : `${caller.publicUrl}${boardPath}`,
      status_url: `${caller.publicUrl}/v1/runs/${started.runId}`,
      ...(started.repeated ? { repeated: true } : {}),
    },
  };
};

// The schema's format admits leap seconds and years that no store orders.
const parseInstant = (name: string, text: string): Date => {
  const instant = new Date(text);
  const year = instant.getUTCFullYear();
  if (Number.isNaN(instant.getTime()) || year < 1970 || year > 9999)
    throw new AppError('invalid_input', 'the parameters of list_runs are not accepted', {
      violations: [{ path: `$.${name}`, message: 'must be an instant from 1970 to 9999' }],
    });
  return instant;
};

const ok = (body: ToolAnswer['body']): ToolAnswer => ({ status: 200, body });

const taskActions = (runs: Runs) => ({
  list_tasks: defineAction({
    effect: 'read',
    description:
      'Every task the caller may read, with its schedule, pause, last run and the kinds of its open alarms.',
    params: Type.Object({}, closed),
    execute: async (_params, { actor }) => {
      const [tasks, alarms] = await Promise.all([
        runs.listTasks(actor),
        runs.listAlarms(actor, { includeCleared: false }),
      ]);
      return ok(toTaskListRecord(tasks, alarms));
    },
  }),
  get_task: defineAction({
    effect: 'read',
    description: 'One task, with its open alarms and how often it really starts.',
    params: Type.Object({ task_id: TaskName }, closed),
    execute: async ({ task_id }, { actor }) =>
      ok(toTaskDetailRecord(await runs.getTask(actor, task_id))),
  }),
  pause_task: defineAction({
    effect: 'change',
    description: 'Pauses a task: its occurrences are skipped until it is resumed.',
    params: Type.Object(
      { task_id: TaskName, reason: Type.String({ minLength: 1, maxLength: 500 }) },
      closed,
    ),
    execute: async ({ task_id, reason }, { actor }) =>
      ok(toTaskDetailRecord(await runs.pauseTask(actor, task_id, reason))),
  }),
  resume_task: defineAction({
    effect: 'change',
    description: 'Resumes a paused task.',
    params: Type.Object({ task_id: TaskName }, closed),
    execute: async ({ task_id }, { actor }) =>
      ok(toTaskDetailRecord(await runs.resumeTask(actor, task_id))),
  }),
  plan: defineAction({
    effect: 'read',
    description:
      "What applying the gateway's registry file would change: tasks added, changed, gone or drifted, each with its next instants and overdue occurrences. Changes nothing.",
    params: Type.Object({}, closed),
    execute: async (_params, { actor }) =>
      ok(toPlanRecord(await runs.plan(actor, { includeUnchanged: false }))),
  }),
});

const runActions = ({ runs, boardPathOf }: JobsToolOptions) => ({
  start_task: defineAction({
    effect: 'change',
    description:
      'Starts a run of a task. With the header Idempotency-Key a repeated call answers the first run.',
    params: StartParams,
    execute: async (params, caller) => {
      const request: StartRequest = {
        taskId: params.task_id,
        inputs: params.inputs ?? {},
        dryRun: params.dry_run ?? false,
        force: params.force ?? false,
        trigger: 'gateway',
        actor: caller.actor,
        ...(params.scheduled_for === undefined ? {} : { scheduledFor: params.scheduled_for }),
        ...(params.dry_run_id === undefined ? {} : { dryRunId: params.dry_run_id }),
        ...(caller.idempotencyKey === undefined ? {} : { idempotencyKey: caller.idempotencyKey }),
      };
      return startedAnswer(await runs.start(request), caller, boardPathOf);
    },
  }),
  get_run: defineAction({
    effect: 'read',
    description: "The ledger's record of a run.",
    params: Type.Object({ run_id: RunName }, closed),
    execute: async ({ run_id }, { actor }) => ok(toRunRecord(await runs.get(actor, run_id))),
  }),
  list_runs: defineAction({
    effect: 'read',
    description: 'Runs, newest first.',
    params: ListRunsParams,
    execute: async (params, { actor }) => {
      const limit = params.limit ?? 50;
      const found = await runs.list(actor, {
        limit,
        ...(params.task_id === undefined ? {} : { taskId: params.task_id }),
        ...(params.states === undefined
          ? {}
          : { states: RUN_STATES.filter((state) => params.states?.includes(state)) }),
        ...(params.triggers === undefined
          ? {}
          : { triggers: RUN_TRIGGERS.filter((trigger) => params.triggers?.includes(trigger)) }),
        ...(params.from === undefined ? {} : { from: parseInstant('from', params.from) }),
        ...(params.to === undefined ? {} : { to: parseInstant('to', params.to) }),
        // The schema's pattern is the one of a run id.
        ...(params.before === undefined ? {} : { before: params.before as RunId }),
      });
      const last = found.at(-1);
      return ok({
        runs: found.map(toRunRecord),
        next_before: found.length === limit && last !== undefined ? last.id : null,
      });
    },
  }),
  cancel_run: defineAction({
    effect: 'change',
    description: 'Ends a queued run and asks the worker of a running one to stop.',
    params: Type.Object(
      { run_id: RunName, reason: Type.Optional(Type.String({ maxLength: 500, default: '' })) },
      closed,
    ),
    execute: async ({ run_id, reason }, { actor }) =>
      ok(toRunRecord(await runs.cancel(actor, run_id, reason ?? ''))),
  }),
  retry_run: defineAction({
    effect: 'change',
    description:
      'A further run with the task, inputs and scheduled_for of one that did not succeed.',
    params: Type.Object({ run_id: RunName }, closed),
    execute: async ({ run_id }, caller) =>
      startedAnswer(await runs.retry(caller.actor, run_id, 'retry'), caller, boardPathOf),
  }),
});

/** The tool by which agents and scripts start and watch runs. */
export const createJobsTool = (options: JobsToolOptions): Tool => ({
  name: 'jobs',
  aliases: ['job_orchestrator_tool'],
  description: 'Tasks of the registry and their runs.',
  actions: { ...taskActions(options.runs), ...runActions(options) },
});
