import type { TaskId } from '#core/ids';
import type { JsonSchema } from '#core/json';
import type { YamlSource } from '#core/yaml-source';
import type { RawCalendar, RawWindow } from './blackout-schema.ts';
import { BUILT_IN_POLICIES, mergePolicies, type TaskPolicies } from './defaults.ts';
import { parseDuration } from './duration.ts';
import { followedSchedules } from './followed-schedule.ts';
import type { RawRegistry, RawTask } from './registry-schema.ts';
import type { BlackoutCalendar, BlackoutWindow, Registry, TaskDefinition } from './task.ts';

const NO_INPUTS: JsonSchema = { type: 'object', additionalProperties: false, properties: {} };

/** One space between fields, so that a reformatted line is not a changed schedule. */
const cleanCron = (cron: string): string => cron.trim().replaceAll(/\s+/g, ' ');

const toDefinition = (options: {
  readonly id: string;
  readonly raw: RawTask;
  readonly base: TaskPolicies;
  readonly yaml: YamlSource;
}): TaskDefinition => {
  const { id, raw, base, yaml } = options;
  const policies = mergePolicies(raw, base);
  const timezone = raw.schedule?.timezone ?? policies.timezone;
  return {
    ...policies,
    id: id as TaskId,
    title: raw.title,
    description: raw.description,
    job: raw.job,
    owner: raw.owner,
    group: raw.group ?? raw.owner,
    timezone,
    schedule: raw.schedule === undefined ? null : { cron: cleanCron(raw.schedule.cron), timezone },
    after: (raw.after ?? []).map((name) => name as TaskId),
    permissions: raw.permissions,
    inputs: raw.inputs === undefined ? NO_INPUTS : { ...raw.inputs },
    outputs: raw.outputs ?? [],
    dryRun: raw.dry_run ?? true,
    destructive: raw.destructive ?? false,
    isolate: raw.isolate ?? false,
    enabled: raw.enabled ?? true,
    queue: raw.queue ?? null,
    position: yaml.keyPosition(['tasks', id]),
  };
};

const toWindow = ({ from, to, cron, duration }: RawWindow): BlackoutWindow => {
  if (from !== undefined && to !== undefined) return { kind: 'once', from, to };
  return {
    kind: 'recurring',
    cron: cleanCron(cron ?? ''),
    durationMs: parseDuration(duration ?? '') ?? 0,
  };
};

const toCalendar = (name: string, raw: RawCalendar): BlackoutCalendar => ({
  name,
  title: raw.title ?? name,
  timezone: raw.timezone ?? 'UTC',
  action: raw.action ?? 'skip',
  windows: raw.windows.map(toWindow),
});

/**
 * Reports of a task that comes after others name the day as theirs do: it takes
 * the zone of the schedule that it follows.
 */
const inZonesOfSchedules = (
  tasks: ReadonlyMap<TaskId, TaskDefinition>,
): ReadonlyMap<TaskId, TaskDefinition> => {
  const followed = followedSchedules(tasks);
  return new Map(
    [...tasks].map(([id, task]) => {
      const timezone = followed.get(id)?.timezone ?? task.timezone;
      return [id, { ...task, timezone }];
    }),
  );
};

/** The registry that a file says, defaults applied. Only for a file that passed every check. */
export const buildRegistry = (file: string, yaml: YamlSource, raw: RawRegistry): Registry => {
  const base = mergePolicies(raw.defaults ?? {}, BUILT_IN_POLICIES);
  const tasks = new Map(
    Object.entries(raw.tasks).map(([id, task]): [TaskId, TaskDefinition] => [
      id as TaskId,
      toDefinition({ id, raw: task, base, yaml }),
    ]),
  );
  return {
    file,
    tasks: inZonesOfSchedules(tasks),
    blackouts: new Map(
      Object.entries(raw.blackouts ?? {}).map(([name, calendar]) => [
        name,
        toCalendar(name, calendar),
      ]),
    ),
    reconcile: raw.reconcile ?? 'enforce',
    positionOf: yaml.keyPosition,
  };
};
