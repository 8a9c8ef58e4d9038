import { canonicalJson, type JsonSchema } from '#core/json';
import { nearestNames } from '#core/nearest-names';
import { compileFaultFinder, type SchemaFault, schemaFault } from '#core/schema';
import { isLooseObject } from './lint-report.ts';

export interface InputFault {
  /** Keys below `inputs`. */
  readonly steps: readonly string[];
  /** Whether the last key is at fault rather than its value. */
  readonly at: 'key' | 'value';
  readonly message: string;
}

/** The keywords that have an effect; any other is a misspelling or would be ignored. */
const KEYWORDS = new Set([
  'type',
  'enum',
  'const',
  'default',
  'title',
  'description',
  'examples',
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'multipleOf',
  'minLength',
  'maxLength',
  'pattern',
  'format',
  'items',
  'minItems',
  'maxItems',
  'uniqueItems',
  'properties',
  'required',
  'additionalProperties',
  'anyOf',
  'oneOf',
  'allOf',
  'not',
]);

const FORMATS = [
  'date',
  'time',
  'date-time',
  'duration',
  'email',
  'hostname',
  'ipv4',
  'ipv6',
  'uri',
  'uuid',
];

const subschemasOf = (
  schema: Readonly<Record<string, unknown>>,
): readonly (readonly [readonly string[], unknown])[] =>
  Object.entries(schema).flatMap(([key, value]): (readonly [readonly string[], unknown])[] => {
    if (key === 'items' || key === 'not' || key === 'additionalProperties') return [[[key], value]];
    if (key === 'properties' && isLooseObject(value))
      return Object.entries(value).map(([name, inner]) => [[key, name], inner]);
    if ((key === 'anyOf' || key === 'oneOf' || key === 'allOf') && Array.isArray(value))
      return value.map((inner: unknown, index) => [[key, String(index)], inner]);
    return [];
  });

const TYPES = ['string', 'integer', 'number', 'boolean', 'array', 'object', 'null'];

const lintType = (value: unknown, steps: readonly string[]): readonly InputFault[] =>
  [value].flat().every((type) => TYPES.some((known) => known === type))
    ? []
    : [{ steps, at: 'value', message: `is not a known type; accepted: ${TYPES.join(', ')}` }];

/** Keywords, types and formats that the validator would ignore in silence, at any depth. */
const lintKeywords = (schema: unknown, steps: readonly string[]): readonly InputFault[] => {
  if (!isLooseObject(schema)) return [];
  const own = Object.entries(schema).flatMap(([key, value]): InputFault[] => {
    if (!KEYWORDS.has(key)) {
      const [nearest] = nearestNames(key, KEYWORDS);
      const hint =
        nearest === undefined
          ? `accepted: ${[...KEYWORDS].join(', ')}`
          : `did you mean ${nearest}?`;
      return [{ steps: [...steps, key], at: 'key', message: `is not a known keyword; ${hint}` }];
    }
    if (key === 'type') return [...lintType(value, [...steps, key])];
    if (key === 'format' && !FORMATS.some((format) => format === value))
      return [
        {
          steps: [...steps, key],
          at: 'value',
          message: `is not a known format; accepted: ${FORMATS.join(', ')}`,
        },
      ];
    return [];
  });
  return [
    ...own,
    ...subschemasOf(schema).flatMap(([below, inner]) => lintKeywords(inner, [...steps, ...below])),
  ];
};

/** Which property does not compile; the whole schema when each does by itself. */
const locateCompileFault = (schema: JsonSchema, whole: string): readonly InputFault[] => {
  const properties = isLooseObject(schema['properties']) ? schema['properties'] : {};
  const found = Object.entries(properties).flatMap(([name, inner]): InputFault[] => {
    const fault = isLooseObject(inner) ? schemaFault(inner) : undefined;
    return fault === undefined
      ? []
      : [
          {
            steps: ['properties', name],
            at: 'value',
            message: `is not a valid JSON Schema (${fault})`,
          },
        ];
  });
  return found.length > 0
    ? found
    : [{ steps: [], at: 'value', message: `is not a valid JSON Schema (${whole})` }];
};

/** What starts the task without asking anybody for inputs, in words; null when nothing does. */
export type OwnStart = 'the schedule' | 'the task before it' | null;

/** A default that its own schema refuses, or an input that a start without inputs could not fill in. */
const wordDefaultFault = (fault: SchemaFault, start: OwnStart): readonly InputFault[] => {
  const [name = ''] = fault.steps;
  if (fault.keyword === 'required' && fault.steps.length === 1)
    return start === null
      ? []
      : [
          {
            steps: ['properties', name],
            at: 'key',
            message: `is required and has no default, so ${start} could never start the task`,
          },
        ];
  return [
    {
      steps: ['properties', name, 'default'],
      at: 'value',
      message: `does not satisfy its own schema: it ${fault.message}`,
    },
  ];
};

const lintUncached = (schema: JsonSchema, start: OwnStart): readonly InputFault[] => {
  const keywordFaults = lintKeywords(schema, []);
  if (keywordFaults.length > 0) return keywordFaults;
  const properties = isLooseObject(schema['properties']) ? schema['properties'] : {};
  const required: readonly unknown[] = Array.isArray(schema['required']) ? schema['required'] : [];
  const strangers = required.flatMap((name, index): InputFault[] =>
    typeof name === 'string' && !Object.hasOwn(properties, name)
      ? [
          {
            steps: ['required', String(index)],
            at: 'value',
            message: `names ${name}, which is not among the properties`,
          },
        ]
      : [],
  );
  if (strangers.length > 0) return strangers;
  try {
    return compileFaultFinder(schema)({}).flatMap((fault) => wordDefaultFault(fault, start));
  } catch (error) {
    return locateCompileFault(schema, error instanceof Error ? error.message : String(error));
  }
};

/**
 * Checks the inputs' schemas of a registry. Equal schemas are compiled once:
 * most tasks of a large registry share a few.
 */
export const createInputLint = (): ((
  schema: JsonSchema,
  start: OwnStart,
) => readonly InputFault[]) => {
  const known = new Map<string, readonly InputFault[]>();
  return (schema, start) => {
    const key = `${start} ${canonicalJson(schema)}`;
    let faults = known.get(key);
    if (faults === undefined) {
      faults = lintUncached(schema, start);
      known.set(key, faults);
    }
    return faults;
  };
};
