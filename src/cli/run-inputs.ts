import type { Violation } from '#core/errors';
import type { JsonObject, JsonSchema, JsonValue } from '#core/json';

export interface ReadInputs {
  readonly inputs: JsonObject;
  readonly violations: readonly Violation[];
}

const typesOf = (schema: JsonSchema): ReadonlySet<string> => {
  const declared = schema['type'];
  if (typeof declared === 'string') return new Set([declared]);
  if (Array.isArray(declared)) return new Set(declared.map(String));
  const branches = [schema['anyOf'], schema['oneOf']].flat().filter((branch) => branch != null);
  if (branches.length > 0)
    return new Set(branches.flatMap((branch) => [...typesOf(branch as JsonSchema)]));
  const values = [schema['const'], schema['enum']].flat().filter((value) => value !== undefined);
  return new Set(values.map((value) => (value === null ? 'null' : typeof value)));
};

const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

const parseJson = (text: string): JsonValue | undefined => {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
};

/**
 * The value that `text` means where `schema` is asked for. Text that fits none
 * of its types stays text, and the schema's own check says what is accepted.
 */
const typedValue = (text: string, schema: JsonSchema): JsonValue => {
  const types = typesOf(schema);
  if ((types.has('integer') || types.has('number')) && NUMBER.test(text)) return Number(text);
  if (types.has('boolean') && (text === 'true' || text === 'false')) return text === 'true';
  if (types.has('null') && text === 'null') return null;
  if (types.has('string')) return text;
  if (types.size === 0 || types.has('object') || types.has('array')) return parseJson(text) ?? text;
  return text;
};

const propertySchemas = (schema: JsonSchema): Readonly<Record<string, JsonSchema>> =>
  (schema['properties'] as Record<string, JsonSchema> | undefined) ?? {};

const listValue = (texts: readonly string[], schema: JsonSchema): JsonValue => {
  const [only] = texts;
  if (texts.length === 1 && only?.trimStart().startsWith('[')) return parseJson(only) ?? only;
  const items = (schema['items'] as JsonSchema | undefined) ?? {};
  return texts.map((text) => typedValue(text, items));
};

/**
 * Reads `k=v` arguments as the task's schema types them. A list takes one JSON
 * array or one argument an item; anything else is given once. Values are not
 * checked here beyond their form.
 */
export const readInputArguments = (
  inputArguments: readonly string[],
  schema: JsonSchema,
): ReadInputs => {
  const given = new Map<string, string[]>();
  const violations: Violation[] = [];
  for (const argument of inputArguments) {
    const at = argument.indexOf('=');
    if (at <= 0) {
      violations.push({ path: '$', message: `--input wants name=value, found "${argument}"` });
      continue;
    }
    const name = argument.slice(0, at);
    given.set(name, [...(given.get(name) ?? []), argument.slice(at + 1)]);
  }
  const schemas = propertySchemas(schema);
  const inputs: [string, JsonValue][] = [];
  for (const [name, texts] of given) {
    const property = Object.hasOwn(schemas, name) ? schemas[name] : undefined;
    const [first = ''] = texts;
    if (property !== undefined && typesOf(property).has('array')) {
      inputs.push([name, listValue(texts, property)]);
      continue;
    }
    if (texts.length > 1)
      violations.push({ path: `$.${name}`, message: `is given ${texts.length} times` });
    inputs.push([name, typedValue(first, property ?? {})]);
  }
  return { inputs: Object.fromEntries(inputs), violations };
};
