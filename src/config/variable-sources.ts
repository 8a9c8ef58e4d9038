import { readFileSync } from 'node:fs';
import path from 'node:path';
import { nearestNames } from '#core/nearest-names';
import { placeText, readYaml, type YamlSource } from '#core/yaml-source';
import type { Environment } from './process-environment.ts';
import { VARIABLE_NAMES, type VariableName, variableNamed } from './variables.ts';

/** The text of a variable and where it stands; the place is empty for the environment. */
export interface FoundText {
  readonly text: string;
  readonly place: string;
}

export interface SettingFault {
  /** Variable or key that is at fault. */
  readonly name: string;
  /** The whole line, with the place. */
  readonly line: string;
}

export interface FoundVariables {
  readonly values: ReadonlyMap<VariableName, FoundText>;
  readonly faults: readonly SettingFault[];
}

/** A secret is a line, not a disk image that was named by mistake. */
const MAX_SECRET_BYTES = 64 * 1024;

const errorCode = (error: unknown): string =>
  (error as NodeJS.ErrnoException | null)?.code ?? 'unknown error';

const at = (place: string, rest: string): string => (place === '' ? rest : `${place} ${rest}`);

type SecretFile = { readonly text: string } | { readonly problem: string };

// The name of the file is never shown: somebody may have set X_FILE to the secret itself.
const readSecretFile = (file: string): SecretFile => {
  try {
    const content = readFileSync(file);
    if (content.byteLength > MAX_SECRET_BYTES)
      return { problem: `names a file of more than ${MAX_SECRET_BYTES} bytes` };
    const text = content.toString('utf8').replace(/\r?\n$/, '');
    return text === '' ? { problem: 'names a file that is empty' } : { text };
  } catch (error) {
    return { problem: `names a file that cannot be read (${errorCode(error)})` };
  }
};

/** Takes the known variables out of one source; an empty text counts as unset. */
const collect = (options: {
  readonly find: (key: string) => FoundText | undefined;
  readonly cwd: string;
}): FoundVariables => {
  const values = new Map<VariableName, FoundText>();
  const faults: SettingFault[] = [];
  for (const name of VARIABLE_NAMES) {
    const direct = options.find(name);
    const file = variableNamed(name).secret ? options.find(`${name}_FILE`) : undefined;
    if (direct !== undefined && file !== undefined) {
      const line = `${name} and ${name}_FILE are both set; accepted: one of them`;
      faults.push({ name, line: at(file.place, line) });
    } else if (file !== undefined) {
      const secret = readSecretFile(path.resolve(options.cwd, file.text));
      if ('text' in secret) values.set(name, { text: secret.text, place: file.place });
      else {
        const line = `${name}_FILE ${secret.problem}; accepted: a readable file that holds ${variableNamed(name).accepts}`;
        faults.push({ name, line: at(file.place, line) });
      }
    } else if (direct !== undefined) values.set(name, direct);
  }
  return { values, faults };
};

export const readEnvironment = (env: Environment, cwd: string): FoundVariables =>
  collect({
    find: (key) => {
      const text = env[key];
      return text === undefined || text === '' ? undefined : { text, place: '' };
    },
    cwd,
  });

/** CONFIG_PATH names this very file, so it cannot stand in it. */
const KEYS_OF_FILE = new Set<string>(
  VARIABLE_NAMES.filter((name) => name !== 'CONFIG_PATH').flatMap((name) =>
    variableNamed(name).secret ? [name, `${name}_FILE`] : [name],
  ),
);

const keyFault = (key: string, value: unknown): string | undefined => {
  if (!KEYS_OF_FILE.has(key)) {
    const [nearest] = nearestNames(key, KEYS_OF_FILE);
    const hint =
      nearest === undefined ? 'accepted: the names of variables' : `did you mean ${nearest}?`;
    return `${key} is not a known key; ${hint}`;
  }
  return typeof value === 'string' || value === null
    ? undefined
    : `${key} is a list or a map; accepted: ${variableAccepts(key)}`;
};

const variableAccepts = (key: string): string =>
  VARIABLE_NAMES.filter((name) => name === key).map((name) => variableNamed(name).accepts)[0] ??
  'the name of a file';

const contentOf = (yaml: YamlSource): Readonly<Record<string, unknown>> | undefined => {
  if (yaml.value === null || yaml.value === '') return {};
  if (typeof yaml.value !== 'object' || Array.isArray(yaml.value)) return undefined;
  return yaml.value as Readonly<Record<string, unknown>>;
};

/** Reads the file at CONFIG_PATH. Every scalar is taken as it is written, so a key of digits stays whole. */
export const readSettingsFile = (file: string, cwd: string): FoundVariables => {
  const none = new Map<VariableName, FoundText>();
  let text: string;
  try {
    text = readFileSync(path.resolve(cwd, file), 'utf8');
  } catch (error) {
    const line = `CONFIG_PATH is ${JSON.stringify(file)}, which cannot be read (${errorCode(error)}); accepted: a YAML file that exists`;
    return { values: none, faults: [{ name: 'CONFIG_PATH', line }] };
  }
  const yaml = readYaml(text, { scalars: 'text' });
  const textFaults = yaml.faults.map((fault) => ({
    name: 'CONFIG_PATH',
    line: `${placeText(file, fault)} ${fault.message}`,
  }));
  if (yaml.value === undefined) return { values: none, faults: textFaults };
  const content = contentOf(yaml);
  if (content === undefined) {
    const line = `${placeText(file, { line: 1, column: 1 })} the file is not a map; accepted: one NAME: value per line`;
    return { values: none, faults: [...textFaults, { name: 'CONFIG_PATH', line }] };
  }
  const keyFaults = Object.entries(content).flatMap(([key, value]) => {
    const message = keyFault(key, value);
    if (message === undefined) return [];
    return [{ name: key, line: `${placeText(file, yaml.keyPosition([key]))} ${message}` }];
  });
  const found = collect({
    find: (key) => {
      const value = Object.hasOwn(content, key) ? content[key] : undefined;
      return typeof value === 'string' && value !== ''
        ? { text: value, place: placeText(file, yaml.valuePosition([key])) }
        : undefined;
    },
    cwd,
  });
  return { values: found.values, faults: [...textFaults, ...keyFaults, ...found.faults] };
};
