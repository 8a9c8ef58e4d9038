import { AppError } from '#core/errors';

export interface ToolBody {
  /** Null when the address says which tool is meant. */
  readonly tool: unknown;
  /** The agent that the body names beside its params, as sent; undefined where it names none. */
  readonly agentId: unknown;
  readonly action: unknown;
  readonly params: unknown;
  /** Where the params stand in the body, for the paths of violations. */
  readonly paramsPath: '$.params' | '$';
}

/** Where a body stands that names its tool itself, and where the address does. */
export type Addressing = 'tool_in_body' | 'tool_in_path';

/**
 * Reads `{action, params}` and the flat form `{action, …params}`, each with a
 * `tool` where the address names none; beside `params` such a body may name the
 * agent, as `X-Agent-Id` does. Throws `invalid_input`.
 */
export const readToolBody = (body: unknown, addressing: Addressing): ToolBody => {
  const heads = addressing === 'tool_in_body' ? ['tool', 'action'] : ['action'];
  if (body === null || typeof body !== 'object' || Array.isArray(body))
    throw new AppError('invalid_input', 'the body must be a JSON object', {
      violations: [
        {
          path: '$',
          message: `must be {${heads.map((name) => `"${name}": …, `).join('')}"params": {…}}`,
        },
      ],
    });
  const given = body as Record<string, unknown>;
  const rest = Object.fromEntries(Object.entries(given).filter(([name]) => !heads.includes(name)));
  const head = {
    tool: addressing === 'tool_in_body' && Object.hasOwn(given, 'tool') ? given['tool'] : null,
    action: Object.hasOwn(given, 'action') ? given['action'] : undefined,
  };
  if (addressing === 'tool_in_body' && typeof head.tool !== 'string')
    throw new AppError('invalid_input', 'the body must name a tool', {
      violations: [
        { path: '$.tool', message: 'must be the name of a tool; GET /v1/tools lists them' },
      ],
    });
  if (!Object.hasOwn(rest, 'params'))
    return { ...head, agentId: undefined, params: rest, paramsPath: '$' };
  const besides = addressing === 'tool_in_body' ? ['params', 'agent_id'] : ['params'];
  const unknown = Object.keys(rest).filter((name) => !besides.includes(name));
  if (unknown.length > 0)
    throw new AppError(
      'invalid_input',
      `beside params the body takes ${heads.join(' and ')} alone`,
      {
        violations: unknown.map((name) => ({
          path: `$.${name}`,
          message: `is not a known key; accepted: ${[...heads, ...besides].join(', ')}`,
        })),
      },
    );
  return { ...head, agentId: rest['agent_id'], params: rest['params'], paramsPath: '$.params' };
};

// Schemas and the runner speak of `$` as the params; the caller sent a body around them.
export const inBody = (error: unknown, paramsPath: ToolBody['paramsPath']): unknown => {
  if (!(error instanceof AppError) || error.violations.length === 0 || paramsPath === '$')
    return error;
  return new AppError(error.code, error.message, {
    cause: error.cause,
    details: error.details,
    violations: error.violations.map(({ path, message }) => ({
      path: path === '$.action' ? path : path.replace(/^\$/, paramsPath),
      message,
    })),
    ...(error.retryAfterSeconds === undefined
      ? {}
      : { retryAfterSeconds: error.retryAfterSeconds }),
  });
};
