import path from 'node:path';
import { compactInstant, fillTemplate } from './output-template.ts';
import type { TaskDefinition } from './task.ts';

export interface OutputVariant {
  readonly scheduledFor: Date;
  /** Whether `scheduledFor` is an occurrence of the task and the inputs are the schedule's own. */
  readonly canonical: boolean;
  /** Hash (hex) of the inputs when they are not the schedule's own, else null. */
  readonly inputsHash: string | null;
}

/** Enough to tell apart the handful of inputs that one instant is asked for. */
const HASH_DIGITS = 6;

const suffixOf = (variant: OutputVariant): string => {
  if (variant.canonical) return '';
  const inputs = variant.inputsHash === null ? '' : `-${variant.inputsHash.slice(0, HASH_DIGITS)}`;
  return `-at-${compactInstant(variant.scheduledFor)}${inputs}`;
};

/**
 * The paths a run writes, relative to REPO_ROOT, in the registry's order. Only a
 * canonical run gets the plain path: any other adds its instant, and for other
 * inputs a part of their hash, so that it never replaces the report of an occurrence.
 */
export const expandOutputs = (
  task: Pick<TaskDefinition, 'outputs' | 'timezone'>,
  variant: OutputVariant,
): readonly string[] => {
  const suffix = suffixOf(variant);
  return task.outputs.map((template) => {
    const filled = fillTemplate(template, variant.scheduledFor, task.timezone);
    const { dir, name, ext } = path.posix.parse(filled);
    return path.posix.join(dir, `${name}${suffix}${ext}`);
  });
};
