import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '#core/errors';
import type { JsonObject } from '#core/json';
import { placeText, readYaml } from '#core/yaml-source';

// Inputs end up in the ledger and in queue jobs; more than this is a mistake.
const MAX_BYTES = 1024 * 1024;

const readText = async (file: string, directory: string): Promise<string> => {
  try {
    return await readFile(path.resolve(directory, file), 'utf8');
  } catch (error) {
    throw new AppError('invalid_input', `cannot read the inputs file ${file}`, { cause: error });
  }
};

/** Reads a JSON or YAML object (YAML contains JSON). Throws `invalid_input` with the line of a fault. */
export const readInputsFile = async (file: string, directory: string): Promise<JsonObject> => {
  const text = await readText(file, directory);
  if (text.length > MAX_BYTES)
    throw new AppError('invalid_input', `the inputs file ${file} is larger than 1 MiB`);
  const { value, faults } = readYaml(text, { scalars: 'typed' });
  const [fault] = faults;
  if (fault !== undefined)
    throw new AppError('invalid_input', `${placeText(file, fault)}: ${fault.message}`);
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw new AppError('invalid_input', `the inputs file ${file} must hold an object of inputs`);
  return value as JsonObject;
};
