import type { AuditDataQuality, AuditReader, AuditView } from '#audit/audit-store';
import type { Pricer } from './price.ts';
import { withSharedScans } from './shared-scans.ts';
import {
  readStretch,
  type WindowHistory,
  type WindowPlan,
  type WindowStretch,
} from './window-history.ts';

interface Range {
  readonly from: Date;
  readonly to: Date;
}

/** Earlier weeks that lie before all that is read anyway, with what was found out about their data. */
export interface EarlierWeeks {
  /** By their place in the plan. */
  readonly stretches: ReadonlyMap<number, WindowStretch>;
  readonly qualities: readonly AuditDataQuality[];
}

/**
 * Where the view of all other figures has to begin: at `neededFrom`, or earlier
 * where one of the weeks begins before that and ends after it. Weeks wholly
 * before are read by themselves, and the days between them not at all.
 */
export const mainViewStart = (plan: WindowPlan, neededFrom: Date): Date =>
  plan.weeks.reduce(
    (from, week) => (week.to > from && week.from < from ? week.from : from),
    neededFrom < plan.recent.from ? neededFrom : plan.recent.from,
  );

/** Reads the weeks before `mainFrom`, one after the other, so that a pool needs one connection for them. */
export const readEarlierWeeks = async (
  reader: AuditReader,
  pricer: Pricer,
  plan: WindowPlan,
  options: { readonly mainFrom: Date; readonly signal: AbortSignal },
): Promise<EarlierWeeks> => {
  const stretches = new Map<number, WindowStretch>();
  const qualities: AuditDataQuality[] = [];
  for (const [index, week] of plan.weeks.entries()) {
    if (week.from >= options.mainFrom) continue;
    const view = await reader.open({ ...week, signal: options.signal });
    try {
      stretches.set(index, await readStretch(withSharedScans(view), pricer, week, plan.windowMs));
      qualities.push(view.quality);
    } finally {
      await view.close();
    }
  }
  return { stretches, qualities };
};

/** The windows of the plan, from a view that holds all but the earlier weeks. */
export const readHistory = async (
  view: AuditView,
  pricer: Pricer,
  plan: WindowPlan,
  earlier: EarlierWeeks,
): Promise<WindowHistory> => {
  const read = (range: Range): Promise<WindowStretch> =>
    readStretch(view, pricer, range, plan.windowMs);
  const [recent, ...weeks] = await Promise.all([
    read(plan.recent),
    ...plan.weeks.map(async (week, index) => earlier.stretches.get(index) ?? read(week)),
  ]);
  return { plan, recent, weeks };
};

/** What is known of all the data that a figure was made from. */
export const mergeQualities = (
  main: AuditDataQuality,
  others: readonly AuditDataQuality[],
): AuditDataQuality => {
  const all = [...others, main];
  return {
    sourceBackend: main.sourceBackend,
    partial: all.some(({ partial }) => partial),
    rejected: all
      .flatMap(({ rejected }) => rejected)
      .sort((a, b) => (a.file === b.file ? a.line - b.line : a.file < b.file ? -1 : 1)),
    rejectedCount: all.reduce((sum, { rejectedCount }) => sum + rejectedCount, 0),
    problems: [...new Set(all.flatMap(({ problems }) => problems))],
  };
};
