import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Static, TSchema } from 'typebox';
import { AppError, type Violation } from '#core/errors';
import type { JsonSchema } from '#core/json';
import { compileFaultFinder } from '#core/schema';
import { positionOfFault, wordFault } from '#core/yaml-faults';
import { placeText, readYaml } from '#core/yaml-source';

export interface PolicySource<Schema extends TSchema> {
  /** Folder of the policy files. */
  readonly dir: string;
  /** The file's name without `.yml`. */
  readonly name: string;
  /** Must refuse unknown keys, so that a misspelt one is an error and not a default. */
  readonly schema: Schema;
}

const readText = async (file: string, label: string): Promise<string> => {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new AppError('invalid_policy', `${label} cannot be read (${code})`, { cause });
  }
};

/**
 * Reads one policy file anew. Throws `invalid_policy` with every violation as
 * `file:line:column`; a missing file is an error too, since a silent default
 * would enforce something that nobody wrote down.
 */
export const loadPolicy = async <Schema extends TSchema>(
  source: PolicySource<Schema>,
): Promise<Static<Schema>> => {
  const file = path.join(source.dir, `${source.name}.yml`);
  const label = path.join(path.basename(source.dir), `${source.name}.yml`);
  const yaml = readYaml(await readText(file, label), { scalars: 'typed' });
  const faults = [
    ...yaml.faults,
    ...(yaml.value === undefined
      ? []
      : compileFaultFinder(source.schema as unknown as JsonSchema)(yaml.value).map((fault) => ({
          ...positionOfFault(yaml, fault),
          message: wordFault(fault),
        }))),
  ];
  if (faults.length === 0) return yaml.value as Static<Schema>;
  const violations: readonly Violation[] = faults.map((fault) => ({
    path: placeText(label, fault),
    message: fault.message,
  }));
  const lines = violations.map((violation) => `${violation.path} ${violation.message}`);
  throw new AppError('invalid_policy', lines.join('\n'), { violations });
};
