import type { FastifyInstance } from 'fastify';
import { AppError, type Violation } from '#core/errors';
import type { Tool } from '../governance/tool.ts';
import type { CallTool } from './call-tool.ts';
import { describeCallHeaders } from './describe-call.ts';

/** A tool's digest under an address of its own, for whoever can only GET. */
interface Dashboard {
  readonly path: string;
  readonly tool: string;
  readonly action: string;
  readonly summary: string;
}

/** One row each; a dashboard is there when its tool is. */
const DASHBOARDS: readonly Dashboard[] = [
  {
    path: '/v1/finops/dashboard',
    tool: 'cost_analyzer_tool',
    action: 'digest',
    summary: 'What tool calls cost in the hours before now, compared and broken down.',
  },
  {
    path: '/v1/privacy/dashboard',
    tool: 'data_governance_tool',
    action: 'digest',
    summary: 'Findings about personal data, secrets and retention in the hours before now.',
  },
];

const MAX_WINDOW_HOURS = 744;
const DEFAULT_WINDOW_HOURS = 24;

const QUERY = {
  type: 'object',
  properties: {
    window_hours: {
      type: 'integer',
      minimum: 1,
      maximum: MAX_WINDOW_HOURS,
      default: DEFAULT_WINDOW_HOURS,
      description: 'Length of the window that ends now.',
    },
  },
};

const violationsOf = (query: Readonly<Record<string, unknown>>): readonly Violation[] =>
  Object.keys(query)
    .filter((name) => name !== 'window_hours')
    .map((name) => ({
      path: `$.${name}`,
      message: 'is not a known key; accepted: window_hours',
    }));

/** Throws `invalid_input`. */
const readQuery = (query: unknown): { readonly window_hours: number } => {
  const given = query as Readonly<Record<string, unknown>>;
  const violations = [...violationsOf(given)];
  const text = given['window_hours'] ?? String(DEFAULT_WINDOW_HOURS);
  // Text of digits alone: Number() would take "", "0x10" and "1e2" as well.
  const hours = typeof text === 'string' && /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (hours < 1 || hours > MAX_WINDOW_HOURS)
    violations.push({
      path: '$.window_hours',
      message: `must be a whole number from 1 to ${MAX_WINDOW_HOURS}`,
    });
  if (violations.length > 0)
    throw new AppError('invalid_input', 'the query is not accepted', { violations });
  return { window_hours: hours };
};

/** GET routes for the dashboards whose tools are there; each is a call of its tool like any other. */
export const registerDashboardRoutes = (
  scope: FastifyInstance,
  options: { readonly tools: readonly Tool[]; readonly callTool: CallTool },
): void => {
  for (const { path, tool, action, summary } of DASHBOARDS) {
    const isThere = options.tools.some(
      ({ name, actions }) => name === tool && Object.hasOwn(actions, action),
    );
    if (!isThere) continue;
    scope.get(
      path,
      {
        config: { call: { tool, action } },
        schema: {
          tags: ['dashboards'],
          summary,
          headers: describeCallHeaders({ isStart: false }),
          querystring: QUERY,
          operationId: `dashboard_${tool}`,
        },
      },
      (request, reply) =>
        options.callTool(request, reply, { tool, action, params: readQuery(request.query) }),
    );
  }
};
