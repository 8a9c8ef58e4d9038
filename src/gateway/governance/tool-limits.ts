import { type Static, Type } from 'typebox';
import { AppError } from '#core/errors';

const Rate = Type.Object(
  {
    calls: Type.Integer({ minimum: 1, maximum: 1_000_000 }),
    per_seconds: Type.Integer({ minimum: 1, maximum: 86_400 }),
  },
  { additionalProperties: false },
);

const VALUES = {
  rate: Rate,
  concurrency: Type.Integer({ minimum: 1, maximum: 1_000 }),
  timeout_seconds: Type.Integer({ minimum: 1, maximum: 3_600 }),
  max_body_bytes: Type.Integer({ minimum: 1_024, maximum: 16_777_216 }),
};

/** `config/tool_limits.yml`: defaults, and for each tool what differs from them. */
export const TOOL_LIMITS_SCHEMA = Type.Object(
  {
    version: Type.Literal(1),
    defaults: Type.Object(VALUES, { additionalProperties: false }),
    tools: Type.Record(
      Type.String({ pattern: '^[a-z][a-z0-9_]*$' }),
      Type.Partial(Type.Object(VALUES), { additionalProperties: false }),
    ),
  },
  { additionalProperties: false },
);
export type ToolLimits = Static<typeof TOOL_LIMITS_SCHEMA>;

export interface LimitsOfTool {
  /** Calls of one caller in any window of `windowMs`. */
  readonly calls: number;
  readonly windowMs: number;
  /** Calls of one caller that may be under way at a time. */
  readonly concurrency: number;
  readonly timeoutMs: number;
  readonly maxBodyBytes: number;
}

export const limitsOf = (limits: ToolLimits, tool: string): LimitsOfTool => {
  const own = Object.hasOwn(limits.tools, tool) ? limits.tools[tool] : undefined;
  const values = { ...limits.defaults, ...own };
  return {
    calls: values.rate.calls,
    windowMs: values.rate.per_seconds * 1_000,
    concurrency: values.concurrency,
    timeoutMs: values.timeout_seconds * 1_000,
    maxBodyBytes: values.max_body_bytes,
  };
};

/** The largest body that any tool takes, for routes that learn from the body which tool is meant. */
export const largestBodyBytes = (limits: ToolLimits, toolNames: readonly string[]): number =>
  Math.max(...toolNames.map((name) => limitsOf(limits, name).maxBodyBytes), 1_024);

/** Throws `invalid_policy` that lists every row without a tool and every tool without a row. */
export const checkLimits = (toolNames: readonly string[], limits: ToolLimits): void => {
  const problems = [
    ...Object.keys(limits.tools)
      .filter((name) => !toolNames.includes(name))
      .map((name) => `tools.${name} is no tool; tools: ${toolNames.join(', ')}`),
    ...toolNames
      .filter((name) => !Object.hasOwn(limits.tools, name))
      .map((name) => `tools.${name} is missing; {} takes the defaults`),
  ];
  if (problems.length > 0)
    throw new AppError('invalid_policy', `tool_limits.yml: ${problems.join('; ')}`, {
      violations: problems.map((message) => ({ path: 'tool_limits.yml', message })),
    });
};
