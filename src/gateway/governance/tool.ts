import type { Static, TObject } from 'typebox';
import type { Actor } from '#runner/run';
import type { Principal } from '../access/principal.ts';

/** What an action knows of its caller. */
export interface ToolCaller {
  readonly actor: Actor;
  readonly principal: Principal;
  readonly requestId: string;
  readonly idempotencyKey: string | undefined;
  /** Address of this gateway as callers reach it, without a slash at the end. */
  readonly publicUrl: string;
  /** Aborts when the tool's timeout has passed (config/tool_limits.yml). */
  readonly signal: AbortSignal;
}

export interface ToolAnswer {
  readonly status: 200 | 202;
  /** JSON with snake_case names. */
  readonly body: Readonly<Record<string, unknown>>;
  /** The run that the call started; the audit event names it. */
  readonly startedRunId?: string;
}

/** One named capability: its parameters, and what it does once they are known to be right. */
export interface ToolAction {
  readonly description: string;
  /** `change`: refused while its audit event could not be kept. */
  readonly effect: 'read' | 'change';
  readonly params: TObject;
  execute(params: unknown, caller: ToolCaller): Promise<ToolAnswer>;
}

export interface Tool {
  readonly name: string;
  /** Older names under which the tool is called as well. */
  readonly aliases: readonly string[];
  readonly description: string;
  readonly actions: Readonly<Record<string, ToolAction>>;
}

/** Ties an action's code to its schema: `execute` is only called with params that the schema passed. */
export const defineAction = <Schema extends TObject>(action: {
  readonly description: string;
  readonly effect: ToolAction['effect'];
  readonly params: Schema;
  readonly execute: (params: Static<Schema>, caller: ToolCaller) => Promise<ToolAnswer>;
}): ToolAction => ({
  description: action.description,
  effect: action.effect,
  params: action.params,
  execute: (params, caller) => action.execute(params as Static<Schema>, caller),
});
