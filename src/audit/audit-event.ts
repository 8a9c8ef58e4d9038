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
