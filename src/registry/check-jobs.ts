import type { JsonSchema } from '#core/json';
import { nearestNames } from '#core/nearest-names';
import { invalidRegistry, type RegistryFault, registryFault } from './registry-fault.ts';
import type { Registry, TaskDefinition } from './task.ts';

/** What the check needs to know of a job's code. */
export interface DeclaredJob {
  /** Folder under `jobs/`. */
  readonly name: string;
  /** The inputs as the code sees them. */
  readonly inputs: JsonSchema;
  readonly reads: 'history' | 'live';
}

type Properties = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

const propertiesOf = (schema: JsonSchema): Properties =>
  (schema['properties'] as Properties | undefined) ?? {};

const typeText = (schema: Readonly<Record<string, unknown>>): string | undefined => {
  const type = schema['type'];
  if (typeof type === 'string') return type;
  return Array.isArray(type) ? [...type].sort().join(' or ') : undefined;
};

const requiredOf = (schema: JsonSchema): readonly string[] =>
  Array.isArray(schema['required']) ? (schema['required'] as string[]) : [];

const checkInputs = (
  task: TaskDefinition,
  job: DeclaredJob,
  report: (steps: readonly string[], message: string) => void,
): void => {
  const declared = propertiesOf(task.inputs);
  const used = propertiesOf(job.inputs);
  for (const [name, schema] of Object.entries(declared)) {
    const steps = ['inputs', 'properties', name];
    const own = used[name];
    if (own === undefined) {
      const [nearest] = nearestNames(name, Object.keys(used));
      const hint = nearest === undefined ? '' : `; did you mean ${nearest}?`;
      report(steps, `input ${name} is not one that job ${job.name} takes${hint}`);
      continue;
    }
    const [here, there] = [typeText(schema), typeText(own)];
    if (here !== undefined && there !== undefined && here !== there)
      report(steps, `input ${name} is of type ${here}, but job ${job.name} takes ${there}`);
    const isFilled = schema['default'] !== undefined || requiredOf(task.inputs).includes(name);
    if (requiredOf(job.inputs).includes(name) && !isFilled)
      report(
        steps,
        `input ${name} is one that job ${job.name} cannot do without; accepted: a default, or its name under required`,
      );
  }
  for (const name of Object.keys(used))
    if (declared[name] === undefined)
      report(['inputs', 'properties'], `inputs lack ${name}, which job ${job.name} takes`);
};

/**
 * Compares registry and jobs in both directions: a task without a job, a job
 * without a task, inputs that only one of them knows. Throws `invalid_registry`
 * with every mismatch at once.
 */
export const checkJobs = (registry: Registry, jobs: readonly DeclaredJob[]): void => {
  const faults: RegistryFault[] = [];
  const byName = new Map(jobs.map((job) => [job.name, job]));
  for (const task of registry.tasks.values()) {
    const report = (steps: readonly string[], message: string): void => {
      const position = registry.positionOf?.(['tasks', task.id, ...steps]) ?? task.position;
      faults.push(registryFault({ file: registry.file, position, task: task.id, message }));
    };
    const job = byName.get(task.job);
    if (job !== undefined) {
      checkInputs(task, job, report);
      continue;
    }
    const [nearest] = nearestNames(task.job, byName.keys());
    const hint = nearest === undefined ? '' : `; did you mean ${nearest}?`;
    report(['job'], `there is no job ${task.job} (jobs/${task.job}/job.ts)${hint}`);
  }
  const used = new Set([...registry.tasks.values()].map((task) => task.job));
  for (const { name } of jobs)
    if (!used.has(name))
      faults.push(
        registryFault({
          file: `jobs/${name}/job.ts`,
          position: { line: 1, column: 1 },
          message: `no task of ${registry.file} uses the job ${name}`,
        }),
      );
  if (faults.length > 0) throw invalidRegistry(faults);
};
