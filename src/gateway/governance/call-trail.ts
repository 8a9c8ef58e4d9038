import type { AuditEvent } from '#audit/audit-event';
import type { AuditStore } from '#audit/audit-store';
import type { Clock } from '#core/clock';
import { AppError } from '#core/errors';
import { addressGroup } from '../access/address-group.ts';
import { ANONYMOUS, type CallRecord } from './call-record.ts';
import { RateLimiter } from './rate-limiter.ts';
import type { ToolAction } from './tool.ts';

/** Events a minute that calls without authentication may cause: from one address, and from all together. */
export const STRANGER_EVENTS = { perAddress: 10, together: 120 } as const;
const MINUTE_MS = 60_000;
const EVERYBODY = 'everybody';
/** An answer waits no longer for its event to be durable, in milliseconds. */
const SETTLE_MS = 1_000;

/** How a call ended, as its transport saw it. */
export interface CallEnd {
  readonly requestId: string;
  /** The answer's HTTP status, or the one that its error stands for. */
  readonly status: number;
  readonly durationMs: number;
  /** Bytes of the answer's body. */
  readonly outSize: number;
  readonly address: string;
}

export interface CallTrailOptions {
  readonly audit: Pick<AuditStore, 'write' | 'flush' | 'health'>;
  readonly clock: Clock;
  readonly logger: {
    warn(fields: object, message: string): void;
    error(fields: object, message: string): void;
  };
}

/** `denied`: who called was not let in, not entitled, or called too often. */
const callStatus = (status: number): AuditEvent['status'] => {
  if (status < 400) return 'pass';
  if (status === 504) return 'timeout';
  return status === 401 || status === 403 || status === 429 ? 'denied' : 'error';
};

const toEvent = ({ facts }: CallRecord, end: CallEnd, at: Date): AuditEvent => ({
  ts: at.toISOString(),
  req_id: end.requestId,
  workspace_id: facts.workspaceId,
  user_id: facts.userId ?? ANONYMOUS,
  agent_id: facts.userId === null ? ANONYMOUS : facts.agentId,
  tool: facts.tool,
  action: facts.action,
  status: callStatus(end.status),
  duration_ms: Math.round(end.durationMs),
  in_size: facts.inSize,
  out_size: end.outSize,
  input_hash: facts.inputHash,
  graph_run_id: facts.graphRunId,
  graph_node: facts.graphNode,
  job_id: facts.jobId,
});

/** One audit event for each call, whatever became of it. */
export class CallTrail {
  readonly #options: CallTrailOptions;
  readonly #byAddress: RateLimiter;
  readonly #together: RateLimiter;
  readonly #notices: RateLimiter;
  #lostEvents = 0;
  #unwrittenStrangers = 0;

  constructor(options: CallTrailOptions) {
    const { clock } = options;
    this.#options = options;
    const windowMs = MINUTE_MS;
    this.#byAddress = new RateLimiter({ clock, calls: STRANGER_EVENTS.perAddress, windowMs });
    this.#together = new RateLimiter({ clock, calls: STRANGER_EVENTS.together, windowMs });
    this.#notices = new RateLimiter({ clock, calls: 1, windowMs });
  }

  /** Throws `unavailable` while the event of a call with this effect could not be kept. */
  requireOpen(effect: ToolAction['effect']): void {
    const { blocks, detail } = this.#options.audit.health();
    if (blocks === 'nothing' || (blocks === 'changes' && effect === 'read')) return;
    throw new AppError(
      'unavailable',
      `the audit trail cannot take events (${detail}), so ${
        blocks === 'changes' ? 'calls that change something are' : 'every call is'
      } refused; nothing was done`,
      { details: { blocked: blocks }, retryAfterSeconds: 5 },
    );
  }

  /** Never throws. An event that the store refuses is logged whole, since a line of the log is better than nothing. */
  record(call: CallRecord, end: CallEnd): void {
    if (call.facts.userId === null && !this.#admitsStranger(end.address)) return;
    const event = toEvent(call, end, this.#options.clock.now());
    const answer = this.#options.audit.write(event);
    if (answer.outcome === 'accepted') return;
    this.#lostEvents += 1;
    this.#options.logger.error(
      { audit_event: event, reason: answer.reason, lost_events: this.#lostEvents },
      'the audit trail refused the event of a call; this line is its only trace',
    );
  }

  /**
   * Resolves when the events so far are durable, after a second at the latest.
   * Whoever was told of a change finds its event, also when this process is
   * killed the moment after.
   */
  async settle(): Promise<void> {
    const { audit, clock } = this.#options;
    const settled = new AbortController();
    // What cannot be written is told by the store's health, and blocks the next change.
    const flushed = audit.flush().catch(() => undefined);
    await Promise.race([flushed, clock.sleep(SETTLE_MS, settled.signal)]);
    settled.abort();
  }

  #admitsStranger(address: string): boolean {
    if (this.#byAddress.take(addressGroup(address)) === null) {
      if (this.#together.take(EVERYBODY) === null) return true;
      this.#byAddress.giveBack(addressGroup(address));
    }
    this.#unwrittenStrangers += 1;
    if (this.#notices.take(EVERYBODY) === null)
      this.#options.logger.warn(
        { unwritten_events: this.#unwrittenStrangers },
        'calls without authentication beyond the bound leave no audit event',
      );
    return false;
  }
}
