import { Type } from 'typebox';
import { damageLine } from '#audit/chain/damage';
import { firstDamage, uncoveredEvents, verificationJson } from '#audit/chain/describe-verification';
import { AppError } from '#core/errors';
import { defineJob } from '#job-kit/job';
import { SHOWN, verificationMarkdown } from './report.ts';

const Day = (description: string) => Type.Optional(Type.String({ format: 'date', description }));

const Inputs = Type.Object(
  {
    from: Day('First day, UTC; the chain’s first when left out.'),
    to: Day('Last day, UTC; today when left out.'),
  },
  { additionalProperties: false },
);

export const job = defineJob({
  reads: 'live',
  inputs: Inputs,
  needs: ['auditVerification'],
  async run({ inputs, clock, signal, stores, reports }) {
    const { from, to } = inputs;
    if (from !== undefined && to !== undefined && from > to)
      throw new AppError('invalid_input', 'from is after to; accepted: a first day up to the last');
    const now = clock.now();
    const verified = await stores.auditVerification.verify({
      now,
      signal,
      ...(from === undefined ? {} : { from }),
      ...(to === undefined ? {} : { to }),
    });
    await reports.publish({
      json: { looked_at: now.toISOString(), ...verificationJson(verified, SHOWN) },
      markdown: verificationMarkdown(verified, now),
    });
    const damages = verified.reduce((sum, source) => sum + source.damages.length, 0);
    const summary = {
      looked_at: now.toISOString(),
      days_checked: verified.reduce((sum, { daysChecked }) => sum + daysChecked, 0),
      events_verified: verified.reduce((sum, { eventsVerified }) => sum + eventsVerified, 0),
      damages,
      uncovered_events: uncoveredEvents(verified),
    };
    const first = firstDamage(verified);
    if (first === undefined) return { kind: 'succeeded', summary };
    const more = damages === 1 ? '' : ` (and ${damages - 1} more)`;
    return {
      kind: 'failed',
      reason: `the audit trail is damaged: ${damageLine(first)}${more}`,
      retry: 'final',
      summary,
    };
  },
});
