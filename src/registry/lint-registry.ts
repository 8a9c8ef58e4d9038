import type { SchemaFault } from '#core/schema';
import { dottedPath } from '#core/yaml-faults';
import type { YamlSource } from '#core/yaml-source';
import { lintAfter } from './after-lint.ts';
import { lintCalendar } from './blackout-lint.ts';
import { BUILT_IN_POLICIES, mergePolicies } from './defaults.ts';
import { createInputLint } from './input-lint.ts';
import { isLooseObject, type LintReport, type LooseObject } from './lint-report.ts';
import { type LintContext, lintPolicies, lintTask } from './lint-task.ts';
import { createZoneLint, lintRetention } from './policy-lint.ts';
import { type RegistryFault, registryFault } from './registry-fault.ts';
import type { RawRegistry } from './registry-schema.ts';
import { lintSchedule, type ScheduleFacts } from './schedule-lint.ts';

/** The task that a fault belongs to, if it lies inside of one. */
export const taskOf = (steps: readonly string[]): string | undefined =>
  steps[0] === 'tasks' && steps.length > 2 ? steps[1] : undefined;

/** A file that is being checked, and what was found so far. */
interface Inspection {
  readonly file: string;
  readonly yaml: YamlSource;
  readonly faults: RegistryFault[];
}

/** Collects faults below `base`; those of a task are worded from the task on. */
const reporter = ({ file, yaml, faults }: Inspection, base: readonly string[]): LintReport => {
  const task = base[0] === 'tasks' ? base[1] : undefined;
  return (steps, message, at = 'value') => {
    const full = [...base, ...steps];
    const path = dottedPath(task === undefined ? full : steps);
    const position = at === 'key' ? yaml.keyPosition(full) : yaml.valuePosition(full);
    faults.push(registryFault({ file, position, task, message: `${path} ${message}` }));
  };
};

const entriesOf = (value: unknown): readonly (readonly [string, LooseObject])[] =>
  Object.entries(isLooseObject(value) ? value : {}).flatMap(([name, entry]) =>
    isLooseObject(entry) ? [[name, entry] as const] : [],
  );

const namesOf = (value: unknown): ReadonlySet<string> =>
  new Set(isLooseObject(value) ? Object.keys(value) : []);

/** Where the form of each task is wrong already. */
const formFaultsByTask = (
  schemaFaults: readonly SchemaFault[],
): ReadonlyMap<string, readonly (readonly string[])[]> => {
  const found = new Map<string, (readonly string[])[]>();
  for (const { steps } of schemaFaults) {
    const taskId = taskOf(steps);
    if (taskId === undefined) continue;
    const list = found.get(taskId) ?? [];
    list.push(steps.slice(2));
    found.set(taskId, list);
  }
  return found;
};

type ZoneLint = ReturnType<typeof createZoneLint>;

/** Checks the block `defaults` and answers the zone that holds for a task that names none. */
const lintDefaults = (
  defaults: LooseObject,
  options: {
    readonly calendars: ReadonlySet<string>;
    readonly checkZone: ZoneLint;
    readonly report: LintReport;
  },
): string => {
  const { calendars, checkZone, report } = options;
  lintPolicies(defaults, calendars, report);
  const zone = defaults['timezone'];
  if (typeof zone !== 'string') return BUILT_IN_POLICIES.timezone;
  const fault = checkZone(zone);
  if (fault !== undefined) report(['timezone'], fault);
  return zone;
};

/** Rules that a JSON Schema cannot say, for a file whose form may be wrong in places. */
export const lintRegistry = (
  file: string,
  yaml: YamlSource,
  schemaFaults: readonly SchemaFault[],
): readonly RegistryFault[] => {
  if (!isLooseObject(yaml.value)) return [];
  const inspection: Inspection = { file, yaml, faults: [] };
  const reportTask = (taskId: string): LintReport => reporter(inspection, ['tasks', taskId]);
  const checkZone = createZoneLint();
  const { defaults, blackouts } = yaml.value;
  const calendars = namesOf(blackouts);
  const defaultTimezone = lintDefaults(isLooseObject(defaults) ? defaults : {}, {
    calendars,
    checkZone,
    report: reporter(inspection, ['defaults']),
  });
  for (const [name, calendar] of entriesOf(blackouts))
    lintCalendar(calendar, { checkZone, report: reporter(inspection, ['blackouts', name]) });

  const tasks = entriesOf(yaml.value['tasks']);
  const facts = new Map<string, ScheduleFacts>();
  for (const [taskId, task] of tasks) {
    const report = reportTask(taskId);
    facts.set(taskId, lintSchedule(task, { checkZone, defaultTimezone, report }));
  }
  const followed = lintAfter(facts, reportTask);
  const formFaults = formFaultsByTask(schemaFaults);
  const context: LintContext = { checkInputs: createInputLint(), calendars, writers: new Map() };
  for (const [taskId, task] of tasks)
    lintTask({
      taskId,
      task,
      followed: followed.get(taskId) ?? null,
      formFaults: formFaults.get(taskId) ?? [],
      context,
      report: reportTask(taskId),
    });
  return inspection.faults;
};

/** Compares what applies after the defaults are in; only for a file whose form is right. */
export const lintEffective = (
  file: string,
  yaml: YamlSource,
  raw: RawRegistry,
): readonly RegistryFault[] => {
  const inspection: Inspection = { file, yaml, faults: [] };
  const defaults = raw.defaults ?? {};
  const base = mergePolicies(defaults, BUILT_IN_POLICIES);
  lintRetention(defaults, base, reporter(inspection, ['defaults']));
  for (const [taskId, task] of Object.entries(raw.tasks))
    lintRetention(task, mergePolicies(task, base), reporter(inspection, ['tasks', taskId]));
  return inspection.faults;
};
