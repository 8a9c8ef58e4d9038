import type { Clock } from '#core/clock';
import { AppError } from '#core/errors';
import { CallSlots } from '../call-slots.ts';
import { RateLimiter } from '../rate-limiter.ts';
import type { Tool } from '../tool.ts';
import type { Step } from '../tool-call.ts';
import { limitsOf, type ToolLimits } from '../tool-limits.ts';

/** When to come again while all of a caller's places are taken: nobody knows how long the calls will last. */
const BUSY_RETRY_SECONDS = 1;

/**
 * Size, rate and calls under way, counted by tool and key: a key that speaks
 * for several agents has one allowance, whichever it names. Counts are this
 * process's own. Throws `payload_too_large` or `rate_limited`.
 */
export const limitsStep = (tools: readonly Tool[], limits: ToolLimits, clock: Clock): Step => {
  const counters = new Map(
    tools.map((tool) => {
      const values = limitsOf(limits, tool.name);
      return [
        tool,
        {
          values,
          rate: new RateLimiter({ clock, calls: values.calls, windowMs: values.windowMs }),
          slots: new CallSlots(values.concurrency),
        },
      ];
    }),
  );
  return {
    name: 'limits',
    run: (call) => {
      const counter = counters.get(call.tool);
      if (counter === undefined) throw new Error(`no limits were made for ${call.tool.name}`);
      const { values, rate, slots } = counter;
      const caller = call.caller.principal.keyId;
      if (call.bodyBytes > values.maxBodyBytes)
        throw new AppError(
          'payload_too_large',
          `${call.tool.name} takes at most ${values.maxBodyBytes} bytes`,
        );
      const waitSeconds = rate.take(caller);
      if (waitSeconds !== null)
        throw new AppError(
          'rate_limited',
          `more than ${values.calls} calls of ${call.tool.name} in ${values.windowMs / 1_000} seconds`,
          { retryAfterSeconds: waitSeconds },
        );
      const slot = slots.take(caller);
      if (slot === null)
        throw new AppError(
          'rate_limited',
          `${values.concurrency} calls of ${call.tool.name} are under way already; wait for one to end`,
          { retryAfterSeconds: BUSY_RETRY_SECONDS },
        );
      return { ...call, slot };
    },
  };
};
