import { redactParams } from '../redact-params.ts';
import type { Step } from '../tool-call.ts';

/**
 * Takes secrets out before anything can store them: an action writes reasons,
 * inputs and texts into ledgers and queue jobs. Before the params are checked,
 * so that a refusal quotes no secret that stands where a name should be.
 */
export const redactStep: Step = {
  name: 'redact',
  run: (call) => ({ ...call, params: redactParams(call.params) }),
};
