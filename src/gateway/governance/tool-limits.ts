import { type Static, Type } from 'typebox';
import { AppError } from '#core/errors';

const Rate = Type.Object(
  {
    calls: Type.Integer({ minimum: 1, maximum: 1_000_000 }),
    per_seconds: Type.Integer({ minimum: 1, maximum: 86_400 }),
  },
  { additionalProperties: false },
);
const MaxBody = Type.Integer({ minimum: 1_024, maximum: 16_777_216 });

/** `config/tool_limits.yml`: defaults, and what differs for single tools. */
export const TOOL_LIMITS_SCHEMA = Type.Object(
  {
    version: Type.Literal(1),
    defaults: Type.Object({ rate: Rate, max_body_bytes: MaxBody }, { additionalProperties: false }),
    tools: Type.Record(
      Type.String({ pattern: '^[a-z][a-z0-9_]*$' }),
      Type.Object(
        { rate: Type.Optional(Rate), max_body_bytes: Type.Optional(MaxBody) },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false },
);
export type ToolLimits = Static<typeof TOOL_LIMITS_SCHEMA>;

export interface LimitsOfTool {
  /** Calls of one caller in any window of `windowMs`. */
  readonly calls: number;
  readonly windowMs: number;
  readonly maxBodyBytes: number;
}

export const limitsOf = (limits: ToolLimits, tool: string): LimitsOfTool => {
  const own = Object.hasOwn(limits.tools, tool) ? limits.tools[tool] : undefined;
  const rate = own?.rate ?? limits.defaults.rate;
  return {
    calls: rate.calls,
    windowMs: rate.per_seconds * 1_000,
    maxBodyBytes: own?.max_body_bytes ?? limits.defaults.max_body_bytes,
  };
};

/** Throws `invalid_policy` that lists every row of a tool that does not exist. */
export const checkLimits = (toolNames: readonly string[], limits: ToolLimits): void => {
  const unknown = Object.keys(limits.tools).filter((name) => !toolNames.includes(name));
  if (unknown.length > 0)
    throw new AppError(
      'invalid_policy',
      `tool_limits.yml: ${unknown.map((name) => `tools.${name} is no tool`).join('; ')}; tools: ${toolNames.join(', ')}`,
    );
};
