import type { Schedule, TaskDefinition } from './task.ts';

/** What deciding about a task's instants needs of it. */
type Scheduled = Pick<TaskDefinition, 'schedule' | 'after'>;

/**
 * For each task the schedule for whose instants it runs by itself: its own, or
 * that of the tasks it comes after, which all follow the same one. Null for a
 * task that only starts on request, and in a circle, which no checked registry has.
 */
export const followedSchedules = <Id extends string>(
  tasks: ReadonlyMap<Id, Scheduled>,
): ReadonlyMap<Id, Schedule | null> => {
  const known = new Map<Id, Schedule | null>();
  for (const start of tasks.keys()) {
    // Each task is walked over once, since its answer is the same from wherever one comes.
    const path = new Set<Id>();
    let schedule: Schedule | null = null;
    let id: Id | undefined = start;
    while (id !== undefined && !path.has(id)) {
      const found = known.get(id);
      if (found !== undefined) {
        schedule = found;
        break;
      }
      const task: Scheduled | undefined = tasks.get(id);
      if (task === undefined) break;
      path.add(id);
      schedule = task.schedule;
      if (schedule !== null) break;
      const [first]: readonly string[] = task.after;
      id = first as Id | undefined;
    }
    for (const each of path) known.set(each, schedule);
  }
  return known;
};
