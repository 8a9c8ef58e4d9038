import type { CallTrail } from '../call-trail.ts';
import type { Step } from '../tool-call.ts';

/** Throws `unavailable` for what must not happen while its audit event could not be kept. */
export const trailStep = (trail: Pick<CallTrail, 'requireOpen'>): Step => ({
  name: 'trail',
  run: (call) => {
    trail.requireOpen(call.action.effect);
    call.record.isChange = call.action.effect === 'change';
    return call;
  },
});
