import { type CostFigure, NO_CALLS } from './cost-figures.ts';
import type { AnomalyRule } from './cost-weights.ts';
import { type WindowHistory, type WindowStretch, windowsPerDay } from './window-history.ts';

/** Earlier windows of a subject that a window of it can be compared with. */
export interface Precedents {
  /** The windows just before, from the subject's beginning on, at most a baseline of them. */
  readonly before: readonly CostFigure[];
  /** The same time of the seven days before. */
  readonly sameTime: readonly CostFigure[];
  /** The same time of the same weekday, one per earlier week. */
  readonly sameWeekTime: readonly CostFigure[];
}

interface SubjectStretches {
  readonly recent: readonly CostFigure[] | undefined;
  readonly weeks: readonly (readonly CostFigure[] | undefined)[];
}

/** How many windows before the last one of all. */
type Age = number;

/** Finds precedents for the judged windows of one subject. */
export class SubjectHistory {
  private readonly history: WindowHistory;
  private readonly rule: AnomalyRule;
  private readonly own: SubjectStretches;
  private readonly firstAge: Age;
  private readonly weekWindows: number;

  constructor(history: WindowHistory, id: string, rule: AnomalyRule) {
    this.history = history;
    this.rule = rule;
    this.weekWindows = (7 * 1440) / rule.windowMinutes;
    this.own = {
      recent: history.recent.subjects.get(id),
      weeks: history.weeks.map((week) => week.subjects.get(id)),
    };
    this.firstAge = this.findFirstAge();
  }

  /** Whether any call of the subject was read from before the window. */
  wasSeenBefore(index: number): boolean {
    return this.firstAge > this.ageOfRecent(index);
  }

  get windows(): readonly CostFigure[] {
    return this.own.recent ?? [];
  }

  precedents(index: number): Precedents {
    const perDay = windowsPerDay(this.rule);
    const days = perDay === undefined ? [] : [1, 2, 3, 4, 5, 6, 7].map((day) => day * perDay);
    const baseline = Math.ceil((this.rule.baselineHours * 60) / this.rule.windowMinutes);
    return {
      before: this.windows.slice(
        Math.max(0, index - baseline, this.windows.length - 1 - this.firstAge),
        index,
      ),
      sameTime: days.flatMap((back) =>
        sampleOf(this.history.recent, this.own.recent, index - back, this.exists(index - back)),
      ),
      sameWeekTime: this.history.weeks.flatMap((week, number) => {
        const judged = index - (this.windows.length - this.history.plan.judged);
        const age = this.ageOfRecent(index) + (number + 1) * this.weekWindows;
        return sampleOf(week, this.own.weeks[number], judged, age <= this.firstAge);
      }),
    };
  }

  /** All windows with calls that were read from before this one, whenever they were. */
  activeBefore(index: number): readonly CostFigure[] {
    const { plan, weeks } = this.history;
    // Weeks that lie within the recent windows or within each other would count twice.
    const isApart = (number: number): boolean =>
      plan.judged <= this.weekWindows &&
      (plan.weeks[number]?.to ?? plan.recent.to) <= plan.recent.from;
    return [
      ...weeks.flatMap((_week, number) => (isApart(number) ? (this.own.weeks[number] ?? []) : [])),
      ...this.windows.slice(0, index),
    ].filter((window) => window.calls > 0);
  }

  private ageOfRecent(index: number): Age {
    return this.history.recent.allCalls.length - 1 - index;
  }

  private exists(index: number): boolean {
    return index >= 0 && this.ageOfRecent(index) <= this.firstAge;
  }

  private findFirstAge(): Age {
    const { judged } = this.history.plan;
    const first = (windows: readonly CostFigure[] | undefined): number =>
      windows?.findIndex((window) => window.calls > 0) ?? -1;
    const recent = first(this.own.recent);
    return Math.max(
      recent < 0 ? -1 : this.ageOfRecent(recent),
      ...this.own.weeks.map((week, number) => {
        const index = first(week);
        return index < 0 ? -1 : judged - 1 - index + (number + 1) * this.weekWindows;
      }),
    );
  }
}

/**
 * A window of the past as a sample: none where the subject did not exist yet,
 * or nobody called at all, which is more likely a gap in the trail than quiet.
 */
const sampleOf = (
  stretch: WindowStretch,
  own: readonly CostFigure[] | undefined,
  index: number,
  exists: boolean,
): readonly CostFigure[] => {
  if (!exists || (stretch.allCalls[index] ?? 0) === 0) return [];
  return [own?.[index] ?? NO_CALLS];
};
