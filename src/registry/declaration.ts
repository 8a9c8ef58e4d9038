import { createHash } from 'node:crypto';
import { canonicalJson, type JsonObject, type JsonValue } from '#core/json';
import type { BlackoutCalendar, ReconcilePolicy, Schedule, TaskDefinition } from './task.ts';

/** What is declared of a task; where it stands in the file is not part of it. */
export type DeclaredTask = Omit<TaskDefinition, 'position'>;

/**
 * A task with all that deciding about its occurrences needs, as the ledger
 * keeps it: whoever supervises then needs no registry file.
 */
export interface Declaration {
  readonly task: DeclaredTask;
  readonly queueName: string;
  /** Whose instants are expected: the task's own schedule, or that of the tasks it comes after. */
  readonly expects: Schedule | null;
  /** The calendars that the task names, with their windows. */
  readonly calendars: readonly BlackoutCalendar[];
  /** What a scheduled run is given; null when it could not be started without a person's inputs. */
  readonly start: { readonly inputs: JsonObject; readonly inputsHash: string } | null;
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

export const digestOf = (declaration: Declaration): string => sha256(canonicalJson(declaration));

/** One digest for a whole registry: equal where the same is declared, in whatever order. */
export const registryDigest = (
  declarations: readonly Declaration[],
  reconcile: ReconcilePolicy,
): string => sha256([reconcile, ...declarations.map(digestOf).sort()].join('\n'));

export interface FieldChange {
  /** In the words of the registry file: `catch_up`, `schedule`. */
  readonly field: string;
  readonly from: JsonValue;
  readonly to: JsonValue;
}

const snakeCase = (name: string): string =>
  name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** Durations carry their unit in the name here, and not in the file. */
const fieldName = (key: string): string => snakeCase(key.replace(/Ms$/, ''));

const fieldsOf = (declaration: Declaration): ReadonlyMap<string, unknown> => {
  const { task, queueName, calendars, expects, start } = declaration;
  return new Map<string, unknown>([
    ...Object.entries({ ...task, queue: queueName }).filter(([key]) => key !== 'blackouts'),
    ['blackouts', calendars],
    // A task of its own schedule says this already.
    ...(task.schedule === null ? [['follows', expects] as const] : []),
    ['scheduledInputs', start?.inputs ?? null],
  ]);
};

/** What differs between two declarations of one task, by field, in the order of the declaration. */
export const describeChanges = (
  before: Declaration,
  after: Declaration,
): readonly FieldChange[] => {
  const old = fieldsOf(before);
  return [...fieldsOf(after)].flatMap(([key, value]) => {
    const from = old.get(key);
    return canonicalJson(from ?? null) === canonicalJson(value ?? null)
      ? []
      : [
          {
            field: fieldName(key),
            from: (from ?? null) as JsonValue,
            to: (value ?? null) as JsonValue,
          },
        ];
  });
};
