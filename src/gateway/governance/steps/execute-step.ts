import type { Clock } from '#core/clock';
import { AppError } from '#core/errors';
import type { ToolAnswer } from '../tool.ts';
import type { Step, ToolCall } from '../tool-call.ts';
import { limitsOf, type ToolLimits } from '../tool-limits.ts';

/** What became of work whose caller had been answered 504 already. */
export interface LateEnd {
  readonly tool: string;
  readonly action: string;
  readonly requestId: string;
  /** The run that it started nevertheless. */
  readonly startedRunId: string | null;
  /** Null when it succeeded. */
  readonly error: unknown;
}

export interface ExecuteStepOptions {
  readonly limits: ToolLimits;
  readonly clock: Clock;
  /** Aborts when the gateway will wait for calls under way no longer. */
  readonly stopping: AbortSignal;
  readonly onLateEnd: (end: LateEnd) => void;
}

const TIME_IS_UP = 'time is up';

const warningOf = ({ action }: ToolCall): string =>
  action.effect === 'change' ? '; what it did until then stays, so look before a repeat' : '';

const timeoutError = (call: ToolCall, timeoutMs: number): AppError =>
  new AppError(
    'timeout',
    `${call.tool.name}/${call.actionName} took longer than ${timeoutMs / 1_000} seconds and was told to stop${warningOf(call)}`,
    { details: { timeout_seconds: timeoutMs / 1_000 } },
  );

const stopError = (call: ToolCall): AppError =>
  new AppError(
    'unavailable',
    `the gateway stops, and so did ${call.tool.name}/${call.actionName}${warningOf(call)}`,
  );

/**
 * Runs the action. When its time is up the caller is answered at once with
 * `timeout` (when the gateway stops, `unavailable`), the signal aborts, and the call's place stays taken until the
 * work has really ended.
 */
export const executeStep = (options: ExecuteStepOptions): Step => ({
  name: 'execute',
  run: async (call) => {
    const { limits, clock, stopping, onLateEnd } = options;
    const { timeoutMs } = limitsOf(limits, call.tool.name);
    const expiry = new AbortController();
    const begin = async (): Promise<ToolAnswer> =>
      call.action.execute(call.params, { ...call.caller, signal: expiry.signal });
    const work = begin();
    call.slot?.holdUntil(work);

    const settled = new AbortController();
    const endTimer = (): void => settled.abort();
    stopping.addEventListener('abort', endTimer);
    if (stopping.aborted) endTimer();
    const timer = clock.sleep(timeoutMs, settled.signal).then((): typeof TIME_IS_UP => TIME_IS_UP);
    let first: ToolAnswer | typeof TIME_IS_UP;
    try {
      first = await Promise.race([work, timer]);
    } finally {
      stopping.removeEventListener('abort', endTimer);
      settled.abort();
    }
    if (first !== TIME_IS_UP) {
      if (first.startedRunId !== undefined) call.record.note({ jobId: first.startedRunId });
      return { ...call, answer: first };
    }

    const of = {
      tool: call.tool.name,
      action: call.actionName,
      requestId: call.caller.requestId,
    };
    work.then(
      (answer) => onLateEnd({ ...of, startedRunId: answer.startedRunId ?? null, error: null }),
      (error: unknown) => onLateEnd({ ...of, startedRunId: null, error }),
    );
    const error = stopping.aborted ? stopError(call) : timeoutError(call, timeoutMs);
    expiry.abort(error);
    throw error;
  },
});
