import type { Clock } from '#core/clock';
import { AppError } from '#core/errors';
import { nearestNames } from '#core/nearest-names';
import { compileSchema, type Validator } from '#core/schema';
import { isEntitledTo, type Principal, toActor } from '../access/principal.ts';
import { checkMatrix, type RbacMatrix } from '../access/rbac-matrix.ts';
import { RateLimiter } from './rate-limiter.ts';
import type { Tool, ToolAction, ToolAnswer, ToolCaller } from './tool.ts';
import { checkLimits, limitsOf, type ToolLimits } from './tool-limits.ts';

/** A call as its transport hands it over: the sender is authenticated, nothing else is known to be right. */
export interface ToolRequest {
  readonly tool: string;
  readonly action: unknown;
  readonly params: unknown;
  readonly principal: Principal;
  readonly requestId: string;
  readonly idempotencyKey: string | undefined;
  readonly publicUrl: string;
}

/** The one value that the steps hand on. */
interface ToolCall {
  readonly tool: Tool;
  readonly actionName: string;
  readonly action: ToolAction;
  readonly params: unknown;
  readonly caller: ToolCaller;
  readonly answer: ToolAnswer | null;
}

interface Step {
  readonly name: 'entitlement' | 'limits' | 'params' | 'execute';
  readonly run: (call: ToolCall) => ToolCall | Promise<ToolCall>;
}

export interface PipelineOptions {
  readonly tools: readonly Tool[];
  readonly matrix: RbacMatrix;
  readonly limits: ToolLimits;
  readonly clock: Clock;
}

export type Pipeline = (request: ToolRequest) => Promise<ToolAnswer>;

const findTool = (tools: readonly Tool[], name: string): Tool => {
  const tool = tools.find((one) => one.name === name || one.aliases.includes(name));
  if (tool !== undefined) return tool;
  const names = tools.map((one) => one.name);
  throw new AppError('not_found', `there is no tool of that name; tools: ${names.join(', ')}`, {
    details: { tools: names, did_you_mean: nearestNames(name.slice(0, 100), names) },
  });
};

const findAction = (tool: Tool, name: unknown): readonly [string, ToolAction] => {
  const names = Object.keys(tool.actions);
  const action =
    typeof name === 'string' && Object.hasOwn(tool.actions, name) ? tool.actions[name] : undefined;
  if (typeof name === 'string' && action !== undefined) return [name, action];
  throw new AppError('invalid_input', `the tool ${tool.name} has no such action`, {
    violations: [{ path: '$.action', message: `must be one of ${names.join(', ')}` }],
    details: {
      actions: names,
      did_you_mean: typeof name === 'string' ? nearestNames(name.slice(0, 100), names) : [],
    },
  });
};

const entitlementStep = (matrix: RbacMatrix): Step => ({
  name: 'entitlement',
  run: (call) => {
    const needed = matrix.tools[call.tool.name]?.actions[call.actionName] ?? [];
    const missing = needed.filter((one) => !isEntitledTo(call.caller.principal, one));
    if (missing.length > 0 || needed.length === 0)
      throw new AppError(
        'forbidden',
        `${call.tool.name}/${call.actionName} needs ${missing.join(' and ')}, which the role ${call.caller.principal.role} does not have`,
        { details: { missing_entitlements: missing } },
      );
    return call;
  },
});

// The size of the body is held where it is read, before there is a call.
const limitsStep = (tools: readonly Tool[], limits: ToolLimits, clock: Clock): Step => {
  const limiters = new Map(
    tools.map(({ name }) => [name, new RateLimiter({ clock, ...limitsOf(limits, name) })]),
  );
  return {
    name: 'limits',
    run: (call) => {
      const waitSeconds = limiters.get(call.tool.name)?.take(call.caller.actor.id) ?? null;
      if (waitSeconds === null) return call;
      const { calls, windowMs } = limitsOf(limits, call.tool.name);
      throw new AppError(
        'rate_limited',
        `more than ${calls} calls of ${call.tool.name} in ${windowMs / 1_000} seconds`,
        { retryAfterSeconds: waitSeconds },
      );
    },
  };
};

const paramsStep = (tools: readonly Tool[]): Step => {
  const validators = new Map<ToolAction, Validator<unknown>>();
  for (const tool of tools)
    for (const action of Object.values(tool.actions))
      validators.set(action, compileSchema({ ...action.params }));
  return {
    name: 'params',
    run: (call) => {
      const checked = validators.get(call.action)?.check(call.params);
      if (checked?.ok) return { ...call, params: checked.value };
      throw new AppError('invalid_input', `the parameters of ${call.actionName} are not accepted`, {
        violations: checked?.violations ?? [],
      });
    },
  };
};

const executeStep: Step = {
  name: 'execute',
  run: async (call) => ({ ...call, answer: await call.action.execute(call.params, call.caller) }),
};

/**
 * What every tool call passes, whichever transport it came by: entitlement →
 * limits → params → execute. Authentication comes before, at the transport,
 * since nothing of a stranger's body is read. Throws `invalid_policy` when the
 * matrix or the limits do not fit the tools.
 */
export const createPipeline = (options: PipelineOptions): Pipeline => {
  const { tools, matrix, limits, clock } = options;
  checkMatrix(tools, matrix);
  checkLimits(
    tools.map(({ name }) => name),
    limits,
  );
  const steps: readonly Step[] = [
    entitlementStep(matrix),
    limitsStep(tools, limits, clock),
    paramsStep(tools),
    executeStep,
  ];
  return async (request) => {
    const tool = findTool(tools, request.tool);
    const [actionName, action] = findAction(tool, request.action);
    const { principal, requestId, idempotencyKey, publicUrl } = request;
    let call: ToolCall = {
      tool,
      actionName,
      action,
      params: request.params,
      caller: {
        actor: toActor(principal),
        principal,
        requestId,
        idempotencyKey,
        publicUrl,
        signal: new AbortController().signal,
      },
      answer: null,
    };
    for (const step of steps) call = await step.run(call);
    if (call.answer === null) throw new Error('the pipeline ended without an answer');
    return call.answer;
  };
};
