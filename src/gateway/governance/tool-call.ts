import type { Principal } from '../access/principal.ts';
import type { CallRecord } from './call-record.ts';
import type { Slot } from './call-slots.ts';
import type { Tool, ToolAction, ToolAnswer, ToolCaller } from './tool.ts';

/** A call as its transport hands it over: the sender is authenticated, nothing else is known to be right. */
export interface ToolRequest {
  readonly tool: string;
  readonly action: unknown;
  readonly params: unknown;
  /** Bytes of the message that the call came in. */
  readonly bodyBytes: number;
  readonly principal: Principal;
  /** What the transport's audit event will say; the steps add to it. */
  readonly record: CallRecord;
  readonly requestId: string;
  readonly idempotencyKey: string | undefined;
  readonly publicUrl: string;
}

/** The one value that the steps hand on. */
export interface ToolCall {
  readonly tool: Tool;
  readonly actionName: string;
  readonly action: ToolAction;
  readonly params: unknown;
  readonly bodyBytes: number;
  readonly caller: ToolCaller;
  readonly record: CallRecord;
  /** The caller's place among those under way, once taken. */
  readonly slot: Slot | null;
  readonly answer: ToolAnswer | null;
}

/** Refuses a call by throwing, or hands it on. */
export interface Step {
  readonly name: 'entitlement' | 'limits' | 'trail' | 'redact' | 'params' | 'execute';
  readonly run: (call: ToolCall) => ToolCall | Promise<ToolCall>;
}
