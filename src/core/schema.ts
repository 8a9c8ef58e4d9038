import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import addFormats from 'ajv-formats';
import type { JsonSchema } from './json.ts';
import type { Violation } from './errors.ts';

export type Checked<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly violations: readonly Violation[] };

/** Compiles once; each call applies defaults to a copy and reports every violation. */
export interface Validator<T> {
  check(value: unknown): Checked<T>;
}

const jsonPath = (error: ErrorObject): string => {
  const steps = error.instancePath.split('/').slice(1);
  if (error.keyword === 'required') steps.push(String(error.params['missingProperty']));
  if (error.keyword === 'additionalProperties')
    steps.push(String(error.params['additionalProperty']));
  return steps.reduce(
    (path, step) =>
      /^\d+$/.test(step)
        ? `${path}[${step}]`
        : `${path}.${step.replaceAll('~1', '/').replaceAll('~0', '~')}`,
    '$',
  );
};

const acceptedKeys = (error: ErrorObject): string => {
  const known = Object.keys((error.parentSchema?.['properties'] as object | undefined) ?? {});
  return known.length === 0 ? 'no keys are accepted here' : `accepted: ${known.sort().join(', ')}`;
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
      return `must be of type ${[params['type']].flat().join(' or ')}`;
    case 'pattern':
      return `must match ${String(params['pattern'])}`;
    default:
      return error.message ?? 'is not valid';
  }
};

// The branches of a union each report their own failure; the union's own line is noise then.
const isUnionNoise = (error: ErrorObject): boolean =>
  error.keyword === 'anyOf' || error.keyword === 'oneOf' || error.keyword === 'if';

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
  return ajv;
};

let strictAjv: Ajv | undefined;
let coercingAjv: Ajv | undefined;

const toValidator = <T>(validate: ValidateFunction): Validator<T> => ({
  check(value) {
    const copy: unknown = structuredClone(value);
    if (validate(copy)) return { ok: true, value: copy as T };
    const errors = validate.errors ?? [];
    const telling = errors.filter((error) => !isUnionNoise(error));
    const violations = (telling.length > 0 ? telling : errors).map((error) => ({
      path: jsonPath(error),
      message: explain(error),
    }));
    const seen = new Set<string>();
    return {
      ok: false,
      violations: violations.filter(({ path, message }) => {
        const key = `${path} ${message}`;
        if (seen.has(key)) return false;
        seen.add(key);
        return true;
      }),
    };
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
