import type { JsonSchema } from '#core/json';
import { compileFaultFinder, type SchemaFault } from '#core/schema';
import { positionOfFault, wordFault } from '#core/yaml-faults';
import { readYaml, type YamlSource } from '#core/yaml-source';
import { buildRegistry } from './build-registry.ts';
import { lintEffective, lintRegistry, taskOf } from './lint-registry.ts';
import { invalidRegistry, type RegistryFault, registryFault } from './registry-fault.ts';
import { type RawRegistry, REGISTRY_SCHEMA } from './registry-schema.ts';
import type { Registry } from './task.ts';

let findFaults: ((value: unknown) => readonly SchemaFault[]) | undefined;

const schemaFaultsOf = (value: unknown): readonly SchemaFault[] => {
  findFaults ??= compileFaultFinder(REGISTRY_SCHEMA as unknown as JsonSchema);
  return findFaults(value);
};

const fromSchema = (file: string, yaml: YamlSource, fault: SchemaFault): RegistryFault => {
  const task = taskOf(fault.steps);
  return registryFault({
    file,
    position: positionOfFault(yaml, fault),
    task,
    message: wordFault(fault, task === undefined ? 0 : 2),
  });
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
  return buildRegistry(file, yaml, raw);
};
