import type { AuditEvent } from '../audit-event.ts';
import type { WriteAnswer } from '../audit-store.ts';
import type { AuditLog } from './audit-log.ts';
import { checkAuditEvent } from './check-audit-event.ts';
import type { Rejection } from './rejected-events.ts';

export interface EventIntakeOptions {
  readonly logger: AuditLog;
  /** Told of each malformed event. */
  readonly onRejected: (rejection: Rejection) => void;
  /** Takes a good event, or says why not; answers at once. */
  readonly accept: (event: AuditEvent) => WriteAnswer;
}

/** The door of every store that keeps events: checks, counts, and logs a reason once. */
export class EventIntake {
  acceptedEvents = 0;
  refusedEvents = 0;
  malformedEvents = 0;
  private readonly options: EventIntakeOptions;
  private readonly logged = new Set<string>();

  constructor(options: EventIntakeOptions) {
    this.options = options;
  }

  write(value: unknown): WriteAnswer {
    const checked = checkAuditEvent(value);
    if (!checked.ok) {
      this.malformedEvents += 1;
      this.refusedEvents += 1;
      const { reason, field } = checked;
      this.logOnce(reason, 'a malformed audit event was refused; further ones are only counted');
      this.options.onRejected({ reason, fields: field === '' ? [] : [field] });
      return { outcome: 'refused', reason };
    }
    const answer = this.options.accept(checked.event);
    if (answer.outcome === 'accepted') this.acceptedEvents += 1;
    else {
      this.refusedEvents += 1;
      this.logOnce(answer.reason, 'audit events are refused; further ones are only counted');
    }
    return answer;
  }

  /** Reasons come from a closed set, so the set of logged ones stays small. */
  private logOnce(reason: string, message: string): void {
    if (this.logged.has(reason)) return;
    this.logged.add(reason);
    this.options.logger.warn({ reason }, message);
  }
}
