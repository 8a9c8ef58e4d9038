import { changesBetween } from './zone-offsets.ts';
import { offsetAt } from './zone-time.ts';

const DAY_MS = 86_400_000;

/** How a wall time reads under the offsets around it. */
interface Readings {
  /** By the offset before a change of the clocks, or by the only one. */
  readonly earlier: number;
  /** By the offset after it. */
  readonly later: number;
  readonly changeAt: number;
}

const readingsOf = (timezone: string, wallMs: number): Readings => {
  // No offset is as large as a day, and no other change is as near (see zone-offsets).
  const [change] = changesBetween(timezone, { from: wallMs - DAY_MS, to: wallMs + DAY_MS });
  if (change === undefined) {
    const only = wallMs - offsetAt(timezone, wallMs);
    return { earlier: only, later: only, changeAt: Number.POSITIVE_INFINITY };
  }
  return {
    earlier: wallMs - change.before,
    later: wallMs - change.after,
    changeAt: change.at,
  };
};

/**
 * The first instant at which the zone's clocks show `wallMs` (written as if it
 * were UTC) or, in a gap, have moved past it. For the begin of a window.
 */
export const firstInstantOf = (timezone: string, wallMs: number): number => {
  const { earlier, later, changeAt } = readingsOf(timezone, wallMs);
  return earlier < changeAt ? earlier : Math.max(later, changeAt);
};

/**
 * The first instant after the last one at which the zone's clocks show less
 * than `wallMs`: in a repeated stretch the second time, unless that is where
 * the stretch begins. In a gap the time is moved forward by the gap. For the end
 * of a window.
 */
export const lastInstantOf = (timezone: string, wallMs: number): number => {
  const { earlier, later, changeAt } = readingsOf(timezone, wallMs);
  const isFirstRepeated = later === changeAt && earlier < later;
  return later >= changeAt && !isFirstRepeated ? later : earlier;
};
