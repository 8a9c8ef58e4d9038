import type { TaskId } from '#core/ids';
import { isSuccess } from '#occurrences/occurrence-end';
import { occurrencesBetween } from '#occurrences/occurrence-times';
import { MemoryLedger } from './memory-ledger.ts';
import type { Simulated } from './ninety-days.ts';
import { predecessorOf } from './registries.ts';

/** What is wrong in the books, in words; empty where every occurrence is accounted for. */
export interface Account {
  readonly faults: readonly string[];
  /** Occurrences by state and reason. */
  readonly tally: Readonly<Record<string, number>>;
  readonly expected: number;
}

/** From when to when which registry was in force, by the ledger's revisions alone. */
const spansOf = ({ ledger, registries, endMs }: Simulated) =>
  ledger.revisions.flatMap(({ digest, appliedAt }, index) => {
    const registry = registries.get(digest);
    const to = ledger.revisions[index + 1]?.appliedAt ?? new Date(endMs);
    return registry === undefined ? [] : [{ catalog: registry.catalog, from: appliedAt, to }];
  });

/** Every occurrence that had to be, from the registries that were in force and nothing else. */
const expectedKeys = (simulated: Simulated): ReadonlySet<string> => {
  const keys = new Set<string>();
  for (const { catalog, from, to } of spansOf(simulated))
    for (const [taskId, entry] of catalog) {
      const schedule = entry.expects;
      if (schedule === null) continue;
      // What falls due at the very moment of a change belongs to the registry before.
      const range = {
        from: new Date(from.getTime() + 1),
        to: new Date(to.getTime() + 1),
        limit: Number.MAX_SAFE_INTEGER,
      };
      for (const instant of occurrencesBetween(schedule, range))
        keys.add(MemoryLedger.key(taskId, instant));
    }
  return keys;
};

const countBy = (keys: Iterable<string>): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return counts;
};

/** The last runs may still be under way: the longest take an hour and a half, and one may wait for another. */
const settledUntilMs = ({ endMs }: Simulated): number => endMs - 6 * 3_600_000;

const checkRows = (simulated: Simulated, expected: ReadonlySet<string>): readonly string[] => {
  const { ledger } = simulated;
  const faults: string[] = [];
  const settledMs = settledUntilMs(simulated);
  for (const key of expected) {
    const row = ledger.occurrences.get(key);
    const isSettled = Number(key.split(' ')[1]) <= settledMs;
    if (row === undefined) {
      if (isSettled) faults.push(`${key} was expected and is not in the ledger`);
    } else if (row.state === 'open' && isSettled && (row.dueAt?.getTime() ?? 0) <= settledMs)
      faults.push(`${key} has no end`);
  }
  for (const key of ledger.occurrences.keys())
    if (!expected.has(key)) faults.push(`${key} is in the ledger and was not expected`);
  for (const [key, count] of countBy(ledger.closings.map((closing) => closing.key)))
    if (count > 1) faults.push(`${key} was closed ${count} times`);
  return faults;
};

const checkEffects = ({ ledger, effects }: Simulated): readonly string[] => {
  const faults: string[] = [];
  const runsOf = new Map<string, Set<string>>();
  let lastTokens = new Map<string, number>();
  for (const { key, runId, token } of effects) {
    const runs = runsOf.get(key) ?? new Set();
    runs.add(runId);
    runsOf.set(key, runs);
    const last = lastTokens.get(runId) ?? 0;
    if (token < last) faults.push(`${key}: an attempt wrote after a later one had begun`);
    lastTokens = lastTokens.set(runId, token);
  }
  for (const [key, runs] of runsOf)
    if (runs.size > 1) faults.push(`${key} took effect by ${runs.size} runs`);
  for (const [key, row] of ledger.occurrences) {
    const hasEffect = runsOf.has(key);
    if (isSuccess(row.state) && !hasEffect) faults.push(`${key} is ${row.state} without an effect`);
    if ((row.state === 'skipped' || row.state === 'missed') && hasEffect)
      faults.push(`${key} took effect and is ${row.state}`);
  }
  return faults;
};

const checkPolicies = (simulated: Simulated): readonly string[] => {
  const { ledger, registries } = simulated;
  const faults: string[] = [];
  const everCatchesUp = new Set<TaskId>();
  for (const { catalog } of registries.values())
    for (const [taskId, { task }] of catalog)
      if (task.catchUp !== 'none') everCatchesUp.add(taskId);
  for (const [key, { taskId, scheduledFor, state }] of ledger.occurrences) {
    if (state === 'caught_up' && !everCatchesUp.has(taskId))
      faults.push(`${key} was caught up against its policy`);
    const wasPaused = ledger.pauses.some(
      ({ taskId: paused, from, to }) =>
        paused === taskId && from <= scheduledFor && (to === null || scheduledFor < to),
    );
    // A pause may come in the moment between the start and the instant's row; its run is then under way.
    if (wasPaused && state === 'caught_up') faults.push(`${key} was caught up from a pause`);
  }
  for (const [key, row] of ledger.occurrences) {
    const before = predecessorOf(row.taskId);
    if (before === null || !isSuccess(row.state)) continue;
    const state = ledger.occurrences.get(MemoryLedger.key(before, row.scheduledFor))?.state;
    if (state === undefined || !isSuccess(state))
      faults.push(`${key} is ${row.state} after ${before} is ${state}`);
  }
  for (const [taskId, runs] of activeOverlaps(simulated))
    faults.push(`${taskId} ran ${runs} times at once`);
  return faults;
};

/** Runs of one task that are running at once at the end, where at most one may. */
const activeOverlaps = ({ ledger, registries }: Simulated): ReadonlyMap<TaskId, number> => {
  const catalog = registries.get(ledger.revisions.at(-1)?.digest ?? '')?.catalog;
  const counts = new Map<TaskId, number>();
  for (const run of ledger.activeRuns())
    if (run.state === 'running' && catalog?.get(run.taskId)?.task.overlap !== 'allow')
      counts.set(run.taskId, (counts.get(run.taskId) ?? 0) + 1);
  return new Map([...counts].filter(([, count]) => count > 1));
};

/** Holds the ledger of a simulation against what had to be. */
export const accountFor = (simulated: Simulated): Account => {
  const expected = expectedKeys(simulated);
  const settledMs = settledUntilMs(simulated);
  const isSettled = (key: string): boolean => Number(key.split(' ')[1]) <= settledMs;
  const states = [...simulated.ledger.occurrences]
    .filter(([key]) => isSettled(key))
    .map(([, { state, reason }]) => (reason === null ? state : `${state}(${reason})`));
  return {
    faults: [
      ...checkRows(simulated, expected),
      ...checkEffects(simulated),
      ...checkPolicies(simulated),
    ],
    tally: Object.fromEntries([...countBy(states)].sort(([a], [b]) => (a < b ? -1 : 1))),
    expected: [...expected].filter(isSettled).length,
  };
};
