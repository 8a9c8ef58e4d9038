/**
 * One tool call: metadata, sizes and a hash, never a payload. The wire names
 * and their order are those of 02-audit-trail, "Event".
 */
export interface AuditEvent {
  /** RFC 3339 as the writer sent it; its first ten characters name the day's file. */
  readonly ts: string;
  readonly req_id: string;
  readonly workspace_id: string;
  readonly user_id: string;
  readonly agent_id: string;
  readonly tool: string;
  readonly action: string;
  /** `pass`, `error`, `denied`, `timeout` where we write it; other words are kept. */
  readonly status: string;
  /** Milliseconds, rounded; 0 to 2,147,483,647 like the two sizes. */
  readonly duration_ms: number;
  /** Characters of the input. */
  readonly in_size: number;
  /** Bytes of the output. */
  readonly out_size: number;
  /** SHA-256 of the canonical input, in hex; empty where there was none. */
  readonly input_hash: string;
  readonly graph_run_id: string | null;
  readonly graph_node: string | null;
  readonly job_id: string | null;
}

/** The documented names in their documented order: that of a file's line and of the table's columns. */
export const AUDIT_EVENT_FIELDS = [
  'ts',
  'req_id',
  'workspace_id',
  'user_id',
  'agent_id',
  'tool',
  'action',
  'status',
  'duration_ms',
  'in_size',
  'out_size',
  'input_hash',
  'graph_run_id',
  'graph_node',
  'job_id',
] as const satisfies readonly (keyof AuditEvent)[];
