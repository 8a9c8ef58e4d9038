import type { Clock } from '#core/clock';
import { toActor } from '../access/principal.ts';
import { checkMatrix, type RbacMatrix } from '../access/rbac-matrix.ts';
import { nameInTrail } from './call-record.ts';
import type { CallTrail } from './call-trail.ts';
import { getAction, getTool } from './find-tool.ts';
import { redactParams } from './redact-params.ts';
import { entitlementStep } from './steps/entitlement-step.ts';
import { executeStep, type LateEnd } from './steps/execute-step.ts';
import { limitsStep } from './steps/limits-step.ts';
import { paramsStep } from './steps/params-step.ts';
import { redactStep } from './steps/redact-step.ts';
import { trailStep } from './steps/trail-step.ts';
import type { Tool, ToolAnswer } from './tool.ts';
import type { Step, ToolCall, ToolRequest } from './tool-call.ts';
import { checkLimits, type ToolLimits } from './tool-limits.ts';

export interface PipelineOptions {
  readonly tools: readonly Tool[];
  readonly matrix: RbacMatrix;
  readonly limits: ToolLimits;
  readonly trail: CallTrail;
  readonly clock: Clock;
  /** Aborts when the gateway will wait for calls under way no longer. */
  readonly stopping: AbortSignal;
  readonly onLateEnd: (end: LateEnd) => void;
}

export type Pipeline = (request: ToolRequest) => Promise<ToolAnswer>;

const neverAborts = new AbortController().signal;

const noteRequest = ({ record, tool, action, params }: ToolRequest): void => {
  record.note({ tool: nameInTrail(tool), action: nameInTrail(action) });
  record.noteInput(params, redactParams(params));
};

const openCall = (tools: readonly Tool[], request: ToolRequest): ToolCall => {
  const { record, principal } = request;
  const tool = getTool(tools, request.tool);
  record.note({ tool: tool.name });
  const [actionName, action] = getAction(tool, request.action);
  return {
    tool,
    actionName,
    action,
    params: request.params,
    bodyBytes: request.bodyBytes,
    caller: {
      actor: toActor(principal),
      principal,
      requestId: request.requestId,
      idempotencyKey: request.idempotencyKey,
      publicUrl: request.publicUrl,
      signal: neverAborts,
    },
    record,
    slot: null,
    answer: null,
  };
};

/**
 * What every tool call passes, whichever transport it came by: entitlement →
 * limits → trail → redact → params → execute. The transport authenticates
 * before, since nothing of a stranger's body is read, and hands the record to
 * the trail afterwards, since it alone knows the answer's size. Throws
 * `invalid_policy` when the matrix or the limits do not fit the tools.
 */
export const createPipeline = (options: PipelineOptions): Pipeline => {
  const { tools, matrix, limits, trail, clock, stopping, onLateEnd } = options;
  checkMatrix(tools, matrix);
  checkLimits(
    tools.map(({ name }) => name),
    limits,
  );
  const steps: readonly Step[] = [
    entitlementStep(matrix),
    limitsStep(tools, limits, clock),
    trailStep(trail),
    redactStep,
    paramsStep(tools),
    executeStep({ limits, clock, stopping, onLateEnd }),
  ];
  return async (request) => {
    noteRequest(request);
    // While no event at all can be kept, not even a refusal may go untold.
    trail.requireOpen('read');
    let call = openCall(tools, request);
    try {
      for (const step of steps) call = await step.run(call);
    } finally {
      call.slot?.end();
    }
    if (call.answer === null) throw new Error('the pipeline ended without an answer');
    return call.answer;
  };
};
