import type { CronValues } from './cron-lint.ts';
import type { LintReport } from './lint-report.ts';
import { lintNames } from './name-lint.ts';
import type { ScheduleFacts } from './schedule-lint.ts';

/** The instants for which a task runs by itself: its own schedule's, or those of the tasks before it. */
export interface FollowedSchedule {
  readonly values: CronValues;
  readonly cron: string;
  readonly timezone: string;
}

/** `none`: nothing starts the task by itself. `unclear`: a fault stands in the way of knowing. */
type Followed = FollowedSchedule | 'none' | 'unclear';

type FactsById = ReadonlyMap<string, ScheduleFacts>;

/** The names under `after` that stand for other tasks, each with its place in the list. */
const predecessorsOf = (id: string, facts: FactsById): ReadonlyMap<string, string> => {
  const found = new Map<string, string>();
  const own = facts.get(id);
  if (own === undefined || own.hasSchedule) return found;
  own.after.forEach((name, index) => {
    if (typeof name === 'string' && name !== id && facts.has(name) && !found.has(name))
      found.set(name, String(index));
  });
  return found;
};

const lintOwnNames = (
  id: string,
  { hasSchedule, after }: ScheduleFacts,
  options: { readonly names: ReadonlySet<string>; readonly report: LintReport },
): void => {
  const { names, report } = options;
  if (hasSchedule && after.length > 0)
    report(['after'], 'stands beside a schedule; accepted: one of the two', 'key');
  after.forEach((name, index) => {
    if (name === id) report(['after', String(index)], 'names the task itself');
  });
  lintNames(after, { steps: ['after'], known: { noun: 'task', names, own: id }, report });
};

const keyOf = ({ values, timezone }: FollowedSchedule): string =>
  `${timezone} ${JSON.stringify(values)}`;

const isSchedule = (followed: Followed): followed is FollowedSchedule =>
  typeof followed === 'object';

/** What a task follows once it is known what each of its predecessors does. */
const follow = (
  own: ScheduleFacts,
  predecessors: ReadonlyMap<string, string>,
  options: {
    readonly followedBy: (id: string) => Followed;
    readonly report: LintReport;
  },
): Followed => {
  if (own.hasSchedule) {
    const { values, cron, timezone } = own;
    return values === null || cron === null ? 'unclear' : { values, cron, timezone };
  }
  if (own.after.length === 0) return 'none';
  const { followedBy, report } = options;
  const found = [...predecessors].map(([name, index]) => ({ name, index, by: followedBy(name) }));
  for (const { name, index, by } of found)
    if (by === 'none')
      report(
        ['after', index],
        `names ${name}, which never runs by schedule; accepted: a task that has a schedule or comes after one that has`,
      );
  const schedules = found.flatMap(({ name, by }) => (isSchedule(by) ? [{ name, by }] : []));
  const [first] = schedules;
  if (first === undefined) return 'unclear';
  if (schedules.some(({ by }) => keyOf(by) !== keyOf(first.by))) {
    const words = schedules.map(({ name, by }) => `${name} (${by.cron} ${by.timezone})`);
    report(
      ['after'],
      `names tasks with different schedules: ${words.join(', ')}; accepted: tasks that run for the same instants`,
    );
    return 'unclear';
  }
  if (own.ownTimezone !== null && own.ownTimezone !== first.by.timezone)
    report(
      ['timezone'],
      `differs from the zone of the schedule that the task follows; accepted: ${first.by.timezone}, or none`,
    );
  return first.by;
};

/** Circles of more tasks are cut short. */
const MAX_NAMED = 12;

const circleWords = (names: readonly string[]): string =>
  names.length <= MAX_NAMED + 1
    ? names.join(' after ')
    : [...names.slice(0, MAX_NAMED - 2), '…', ...names.slice(-2)].join(' after ');

type Graph = ReadonlyMap<string, ReadonlyMap<string, string>>;

/** Reports each circle of `graph` once, at the name that closes it, seen from the file's first task of it. */
const lintCircles = (graph: Graph, reportOf: (id: string) => LintReport): void => {
  const done = new Set<string>();
  for (const start of graph.keys()) {
    const path: { id: string; rest: [string, string][] }[] = [];
    const enter = (id: string): void => {
      path.push({ id, rest: [...(graph.get(id) ?? [])] });
    };
    if (!done.has(start)) enter(start);
    for (let last = path.at(-1); last !== undefined; last = path.at(-1)) {
      const [name, index] = last.rest.shift() ?? [];
      if (name === undefined || index === undefined) {
        done.add(last.id);
        path.pop();
        continue;
      }
      const begin = path.findIndex(({ id }) => id === name);
      if (begin !== -1) {
        const circle = [...path.slice(begin).map(({ id }) => id), name];
        reportOf(last.id)(
          ['after', index],
          `closes a circle: ${circleWords(circle)}; accepted: tasks that do not wait for this one`,
        );
      } else if (!done.has(name)) enter(name);
    }
  }
};

/**
 * Checks which tasks come after which, and tells what each follows: null for a
 * task that nothing starts by itself, or whose faults leave it open.
 */
export const lintAfter = (
  facts: FactsById,
  reportOf: (id: string) => LintReport,
): ReadonlyMap<string, FollowedSchedule | null> => {
  const known = new Map<string, Followed>();
  const open = new Map<string, ReadonlyMap<string, string>>();
  const successors = new Map<string, string[]>();
  /** Of how many predecessors a task does not know yet what they follow. */
  const pending = new Map<string, number>();
  const names = new Set(facts.keys());
  for (const [id, own] of facts) {
    lintOwnNames(id, own, { names, report: reportOf(id) });
    const predecessors = predecessorsOf(id, facts);
    open.set(id, predecessors);
    pending.set(id, predecessors.size);
    for (const name of predecessors.keys()) {
      const list = successors.get(name) ?? [];
      list.push(id);
      successors.set(name, list);
    }
  }
  // From the tasks that wait for none to those that wait for them, which join the
  // list as it is walked; circles and what waits for one are left over.
  const ready = [...facts.keys()].filter((id) => pending.get(id) === 0);
  for (const id of ready) {
    const own = facts.get(id);
    if (own === undefined) continue;
    const predecessors = open.get(id) ?? new Map<string, string>();
    const followedBy = (name: string): Followed => known.get(name) ?? 'unclear';
    known.set(id, follow(own, predecessors, { followedBy, report: reportOf(id) }));
    open.delete(id);
    for (const name of successors.get(id) ?? []) {
      const left = (pending.get(name) ?? 0) - 1;
      pending.set(name, left);
      if (left === 0) ready.push(name);
    }
  }
  lintCircles(open, reportOf);
  return new Map([...known].map(([id, followed]) => [id, isSchedule(followed) ? followed : null]));
};
