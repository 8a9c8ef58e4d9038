import type { TaskId } from '#core/ids';
import type { JsonSchema } from '#core/json';
import { compileFaultFinder, type SchemaFault } from '#core/schema';
import { dottedPath, positionOfFault, wordFault } from '#core/yaml-faults';
import { readYaml, type YamlSource } from '#core/yaml-source';
import { BUILT_IN_POLICIES, mergePolicies, type TaskPolicies } from './defaults.ts';
import { createInputLint } from './input-lint.ts';
import { isLooseObject, type LintReport } from './lint-report.ts';
import { type LintContext, lintTask } from './lint-task.ts';
import { createZoneLint, lintDurations, lintRetention } from './policy-lint.ts';
import { invalidRegistry, type RegistryFault, registryFault } from './registry-fault.ts';
import { type RawRegistry, type RawTask, REGISTRY_SCHEMA } from './registry-schema.ts';
import type { Registry, TaskDefinition } from './task.ts';

let findFaults: ((value: unknown) => readonly SchemaFault[]) | undefined;

const schemaFaultsOf = (value: unknown): readonly SchemaFault[] => {
  findFaults ??= compileFaultFinder(REGISTRY_SCHEMA as unknown as JsonSchema);
  return findFaults(value);
};

/** The task that a fault belongs to, if it lies inside of one. */
const taskOf = (steps: readonly string[]): string | undefined =>
  steps[0] === 'tasks' && steps.length > 2 ? steps[1] : undefined;

const fromSchema = (file: string, yaml: YamlSource, fault: SchemaFault): RegistryFault => {
  const task = taskOf(fault.steps);
  return registryFault({
    file,
    position: positionOfFault(yaml, fault),
    task,
    message: wordFault(fault, task === undefined ? 0 : 2),
  });
};

/** Collects lint faults below `base`, worded from there. */
const reporter = (options: {
  readonly file: string;
  readonly yaml: YamlSource;
  readonly base: readonly string[];
  readonly faults: RegistryFault[];
}): LintReport => {
  const { file, yaml, base, faults } = options;
  const task = base[0] === 'tasks' ? base[1] : undefined;
  return (steps, message, at = 'value') => {
    const full = [...base, ...steps];
    const path = dottedPath(task === undefined ? full : steps);
    const position = at === 'key' ? yaml.keyPosition(full) : yaml.valuePosition(full);
    faults.push(registryFault({ file, position, task, message: `${path} ${message}` }));
  };
};

const lintRegistry = (
  file: string,
  yaml: YamlSource,
  schemaFaults: readonly SchemaFault[],
): readonly RegistryFault[] => {
  if (!isLooseObject(yaml.value)) return [];
  const faults: RegistryFault[] = [];
  const context: LintContext = {
    checkZone: createZoneLint(),
    checkInputs: createInputLint(),
    writers: new Map(),
  };
  const defaults = yaml.value['defaults'];
  if (isLooseObject(defaults)) {
    const report = reporter({ file, yaml, base: ['defaults'], faults });
    lintDurations(defaults, report);
    const zone = defaults['timezone'];
    const zoneFault = typeof zone === 'string' ? context.checkZone(zone) : undefined;
    if (zoneFault !== undefined) report(['timezone'], zoneFault);
  }
  const formFaults = new Map<string, (readonly string[])[]>();
  for (const { steps } of schemaFaults) {
    const taskId = taskOf(steps);
    if (taskId === undefined) continue;
    const list = formFaults.get(taskId) ?? [];
    list.push(steps.slice(2));
    formFaults.set(taskId, list);
  }
  const tasks = yaml.value['tasks'];
  for (const [taskId, task] of isLooseObject(tasks) ? Object.entries(tasks) : [])
    if (isLooseObject(task))
      lintTask({
        taskId,
        task,
        formFaults: formFaults.get(taskId) ?? [],
        context,
        report: reporter({ file, yaml, base: ['tasks', taskId], faults }),
      });
  return faults;
};

/** Compares what applies after the defaults are in; only for a file whose form is right. */
const lintEffective = (
  file: string,
  yaml: YamlSource,
  raw: RawRegistry,
): readonly RegistryFault[] => {
  const faults: RegistryFault[] = [];
  const defaults = raw.defaults ?? {};
  const base = mergePolicies(defaults, BUILT_IN_POLICIES);
  lintRetention(defaults, base, reporter({ file, yaml, base: ['defaults'], faults }));
  for (const [taskId, task] of Object.entries(raw.tasks)) {
    const report = reporter({ file, yaml, base: ['tasks', taskId], faults });
    lintRetention(task, mergePolicies(task, base), report);
  }
  return faults;
};

const NO_INPUTS: JsonSchema = { type: 'object', additionalProperties: false, properties: {} };

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
    // One space between fields, so that a reformatted line is not a changed schedule.
    schedule:
      raw.schedule === undefined
        ? null
        : { cron: raw.schedule.cron.trim().replaceAll(/\s+/g, ' '), timezone },
    after: [],
    blackouts: [],
    notify: null,
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

/**
 * Reads a registry. Throws `invalid_registry` with every fault of the text, the
 * form and the rules at once; its violations are `RegistryFault`s. `file` is
 * the name that the faults carry.
 */
export const parseRegistry = (source: {
  readonly file: string;
  readonly text: string;
}): Registry => {
  const { file, text } = source;
  const yaml = readYaml(text, { scalars: 'typed' });
  const faults: RegistryFault[] = yaml.faults.map((fault) =>
    registryFault({ file, position: fault, message: fault.message }),
  );
  if (yaml.value === undefined) throw invalidRegistry(faults);
  const schemaFaults = schemaFaultsOf(yaml.value);
  faults.push(...schemaFaults.map((fault) => fromSchema(file, yaml, fault)));
  faults.push(...lintRegistry(file, yaml, schemaFaults));
  const raw = yaml.value as RawRegistry;
  if (schemaFaults.length === 0) faults.push(...lintEffective(file, yaml, raw));
  if (faults.length > 0) throw invalidRegistry(faults);

  const base = mergePolicies(raw.defaults ?? {}, BUILT_IN_POLICIES);
  const tasks = Object.entries(raw.tasks).map(([id, task]): [TaskId, TaskDefinition] => [
    id as TaskId,
    toDefinition({ id, raw: task, base, yaml }),
  ]);
  return {
    file,
    tasks: new Map(tasks),
    blackouts: new Map(),
    reconcile: 'enforce',
    positionOf: yaml.keyPosition,
  };
};
