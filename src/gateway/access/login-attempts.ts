import { isIPv6 } from 'node:net';
import type { Clock } from '#core/clock';
import { AppError } from '#core/errors';
import { RateLimiter } from '../governance/rate-limiter.ts';

/** Keys that may be wrong from one address in five minutes; a person needs two or three. */
export const FAILED_LOGINS = 10;
const WINDOW_MS = 300_000;

const expand = (groups: string): string[] => (groups === '' ? [] : groups.split(':'));

/**
 * What counts as one address: of IPv6 the first 64 bits, since a household has
 * all the rest; an IPv4 address written as IPv6 is the IPv4 address.
 */
export const addressGroup = (ip: string): string => {
  const [, mapped] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(ip) ?? [];
  if (mapped !== undefined) return mapped;
  if (!isIPv6(ip)) return ip;
  const [head = '', tail = ''] = ip.replace(/%.*$/, '').split('::');
  const left = expand(head);
  const right = expand(tail);
  const zeros = Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0');
  return [...left, ...zeros, ...right].slice(0, 4).join(':').toLowerCase();
};

/** Holds guessing down: an address with too many wrong keys waits, whatever it sends next. */
export class LoginAttempts {
  readonly #limiter: RateLimiter;

  constructor(clock: Clock) {
    this.#limiter = new RateLimiter({ clock, calls: FAILED_LOGINS, windowMs: WINDOW_MS });
  }

  /** Counts before the key is looked at, so that a flood cannot slip through. Throws `rate_limited`. */
  begin(ip: string): void {
    const waitSeconds = this.#limiter.take(addressGroup(ip));
    if (waitSeconds !== null)
      throw new AppError(
        'rate_limited',
        'too many wrong keys were sent from this address; wait a little',
        { retryAfterSeconds: waitSeconds },
      );
  }

  /** The key was good: the attempt does not count. */
  succeed(ip: string): void {
    this.#limiter.giveBack(addressGroup(ip));
  }
}
