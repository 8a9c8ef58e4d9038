import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import addFormats from 'ajv-formats';
import type { Violation } from './errors.ts';
import type { JsonSchema } from './json.ts';

export type Checked<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly violations: readonly Violation[] };

/** Compiles once; each call applies defaults to a copy and reports every violation. */
export interface Validator<T> {
  check(value: unknown): Checked<T>;
}

/** A violation with what a reader of source files needs to find and explain its place. */
export interface SchemaFault extends Violation {
  /** Keys and indexes from the root to the value, the missing key or the unknown key. */
  readonly steps: readonly string[];
  /** The JSON Schema keyword that was broken; `propertyNames` for a key that is not allowed. */
  readonly keyword: string;
  /** For an unknown key: the keys that are known there. */
  readonly knownKeys: readonly string[];
}

const stepsOf = (error: ErrorObject): readonly string[] => {
  const steps = error.instancePath
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  if (error.keyword === 'required') steps.push(String(error.params['missingProperty']));
  if (error.keyword === 'additionalProperties')
    steps.push(String(error.params['additionalProperty']));
  if (error.propertyName !== undefined) steps.push(error.propertyName);
  return steps;
};

const jsonPath = (error: ErrorObject): string =>
  stepsOf(error).reduce(
    (path, step) => (/^\d+$/.test(step) ? `${path}[${step}]` : `${path}.${step}`),
    '$',
  );

const knownKeys = (error: ErrorObject): readonly string[] =>
  Object.keys((error.parentSchema?.['properties'] as object | undefined) ?? {}).sort();

const acceptedKeys = (error: ErrorObject): string => {
  const known = knownKeys(error);
  return known.length === 0 ? 'no keys are accepted here' : `accepted: ${known.join(', ')}`;
};

/** A schema may say in words what it accepts, where its pattern would tell a reader little. */
const acceptedWords = (error: ErrorObject): string | undefined => {
  const words: unknown = error.parentSchema?.['x-accepted'];
  return typeof words === 'string' ? words : undefined;
};

/** A keyword of ours: how many digits a number may have behind its point. `multipleOf` divides doubles. */
const MAX_DECIMALS = 'x-max-decimals';

const decimalsOf = (value: number): number => {
  const [mantissa = '', exponent = '0'] = String(value).split('e');
  return (mantissa.split('.')[1] ?? '').length - Number(exponent);
};

/** What is wrong and what is accepted; never the offending value, which may be a secret. */
const explain = (error: ErrorObject): string => {
  const params: Record<string, unknown> = error.params;
  switch (error.keyword) {
    case 'required':
      return 'is required';
    case 'additionalProperties':
      return `is not a known key; ${acceptedKeys(error)}`;
    case 'enum':
      return `must be one of ${(params['allowedValues'] as unknown[]).map((v) => JSON.stringify(v)).join(', ')}`;
    case 'const':
      return `must be ${JSON.stringify(params['allowedValue'])}`;
    case 'type':
      return `must be ${acceptedWords(error) ?? `of type ${[params['type']].flat().join(' or ')}`}`;
    case 'pattern': {
      const words = acceptedWords(error);
      return words === undefined ? `must match ${String(params['pattern'])}` : `must be ${words}`;
    }
    case MAX_DECIMALS:
      return `must have at most ${String(error.schema)} decimals`;
    default:
      return error.message ?? 'is not valid';
  }
};

// The branches of a union each report their own failure; the union's own line is noise then.
const isUnionNoise = (error: ErrorObject): boolean =>
  ['anyOf', 'oneOf', 'if', 'propertyNames'].includes(error.keyword);

const newAjv = (coerceTypes: boolean): Ajv => {
  const ajv = new Ajv({
    allErrors: true,
    useDefaults: true,
    coerceTypes,
    strict: false,
    verbose: true,
    allowUnionTypes: true,
  });
  addFormats.default(ajv);
  ajv.addKeyword({
    keyword: MAX_DECIMALS,
    type: 'number',
    schemaType: 'number',
    validate: (most: number, value: number) => decimalsOf(value) <= most,
  });
  return ajv;
};

let strictAjv: Ajv | undefined;
let coercingAjv: Ajv | undefined;

const findFaults = (validate: ValidateFunction, copy: unknown): readonly SchemaFault[] => {
  if (validate(copy)) return [];
  const errors = validate.errors ?? [];
  const telling = errors.filter((error) => !isUnionNoise(error));
  const faults = (telling.length > 0 ? telling : errors).map((error) => ({
    path: jsonPath(error),
    message: explain(error),
    steps: stepsOf(error),
    keyword: error.propertyName === undefined ? error.keyword : 'propertyNames',
    knownKeys: error.keyword === 'additionalProperties' ? knownKeys(error) : [],
  }));
  const seen = new Set<string>();
  return faults.filter(({ path, message }) => {
    const key = `${path} ${message}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
};

const toValidator = <T>(validate: ValidateFunction): Validator<T> => ({
  check(value) {
    const copy: unknown = structuredClone(value);
    const faults = findFaults(validate, copy);
    if (faults.length === 0) return { ok: true, value: copy as T };
    return { ok: false, violations: faults.map(({ path, message }) => ({ path, message })) };
  },
});

/** A validator that takes types as they are. */
export const compileSchema = <T>(schema: JsonSchema): Validator<T> => {
  strictAjv ??= newAjv(false);
  return toValidator<T>(strictAjv.compile(schema));
};

/** A validator for text sources (environment, CLI flags): "24" becomes 24 where a number is asked. */
export const compileCoercingSchema = <T>(schema: JsonSchema): Validator<T> => {
  coercingAjv ??= newAjv(true);
  return toValidator<T>(coercingAjv.compile(schema));
};

/** Finds every fault of a value, with its place as steps rather than as text. */
export const compileFaultFinder = (
  schema: JsonSchema,
): ((value: unknown) => readonly SchemaFault[]) => {
  strictAjv ??= newAjv(false);
  const validate = strictAjv.compile(schema);
  return (value) => findFaults(validate, structuredClone(value));
};

/** Why `schema` cannot be compiled as JSON Schema, or undefined when it can. */
export const schemaFault = (schema: JsonSchema): string | undefined => {
  try {
    strictAjv ??= newAjv(false);
    strictAjv.compile(schema);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
};
