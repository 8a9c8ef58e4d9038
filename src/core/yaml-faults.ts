import { nearestNames } from './nearest-names.ts';
import type { SchemaFault } from './schema.ts';
import type { TextPosition, YamlSource } from './yaml-source.ts';

/** `tasks.x.outputs[1]` */
export const dottedPath = (steps: readonly string[]): string =>
  steps.reduce(
    (path, step) =>
      /^\d+$/.test(step) ? `${path}[${step}]` : path === '' ? step : `${path}.${step}`,
    '',
  );

/** Where a reader must look: at the unknown key, at the value that is wrong, or at what lacks a key. */
export const positionOfFault = (source: YamlSource, fault: SchemaFault): TextPosition =>
  fault.keyword === 'additionalProperties' ||
  fault.keyword === 'propertyNames' ||
  fault.keyword === 'required'
    ? source.keyPosition(fault.steps)
    : source.valuePosition(fault.steps);

/**
 * The fault in one clause, its path without the first `skip` steps. An unknown
 * key comes with the name it may have been meant to be.
 */
export const wordFault = (fault: SchemaFault, skip = 0): string => {
  const path = dottedPath(fault.steps.slice(skip));
  const subject = path === '' ? '' : `${path} `;
  const last = fault.steps.at(-1) ?? '';
  const [nearest] =
    fault.keyword === 'additionalProperties' ? nearestNames(last, fault.knownKeys) : [];
  return nearest === undefined
    ? `${subject}${fault.message}`
    : `${subject}is not a known key; did you mean ${nearest}?`;
};
