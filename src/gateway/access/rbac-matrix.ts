import { type Static, Type } from 'typebox';
import { AppError } from '#core/errors';

const Entitlement = Type.String({ pattern: '^(\\*|[a-z][a-z0-9_]*(\\.[a-z][a-z0-9_]*)+)$' });
const Name = '^[a-z][a-z0-9_]*$';

/** `config/rbac_tools_matrix.yml`: tool → action → entitlements (all needed), role → entitlements, agent → role. */
export const RBAC_MATRIX_SCHEMA = Type.Object(
  {
    version: Type.Literal(1),
    tools: Type.Record(
      Type.String({ pattern: Name }),
      Type.Object(
        {
          actions: Type.Record(
            Type.String({ pattern: Name }),
            Type.Array(Entitlement, { minItems: 1, uniqueItems: true }),
          ),
        },
        { additionalProperties: false },
      ),
    ),
    roles: Type.Record(
      Type.String({ pattern: Name }),
      Type.Array(Entitlement, { uniqueItems: true }),
    ),
    agents: Type.Record(
      Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]*$' }),
      Type.String({ pattern: Name }),
    ),
  },
  { additionalProperties: false },
);
export type RbacMatrix = Static<typeof RBAC_MATRIX_SCHEMA>;

/** Roles the code itself relies on: of the gateway key and of agents without a row. */
export const ADMIN_ROLE = 'admin';
export const DEFAULT_AGENT_ROLE = 'agent_default';

interface ToolActions {
  readonly name: string;
  readonly actions: Readonly<Record<string, unknown>>;
}

const compare = (tools: readonly ToolActions[], matrix: RbacMatrix): string[] => {
  const problems: string[] = [];
  for (const { name, actions } of tools) {
    const rows = matrix.tools[name]?.actions ?? {};
    for (const action of Object.keys(actions))
      if (!Object.hasOwn(rows, action)) problems.push(`tools.${name}.actions.${action} is missing`);
  }
  for (const [name, { actions }] of Object.entries(matrix.tools)) {
    const tool = tools.find((candidate) => candidate.name === name);
    for (const action of Object.keys(actions))
      if (tool === undefined || !Object.hasOwn(tool.actions, action))
        problems.push(`tools.${name}.actions.${action} names an action that does not exist`);
  }
  return problems;
};

const asked = (matrix: RbacMatrix): readonly string[] =>
  Object.values(matrix.tools).flatMap(({ actions }) => Object.values(actions).flat());

const granted = (matrix: RbacMatrix): ReadonlySet<string> =>
  new Set(Object.values(matrix.roles).flat());

// What only "*" covers is as likely misspelt as meant for admins alone; who means that, writes it beside the star.
const findUngranted = (matrix: RbacMatrix): string[] => {
  const known = granted(matrix);
  return [...new Set(asked(matrix))]
    .filter((entitlement) => !known.has(entitlement))
    .map(
      (entitlement) =>
        `${entitlement} is asked for by an action and named by no role; for admins alone name it beside their "*"`,
    );
};

/**
 * What is worth a warning: entitlements that roles have and nothing asks for,
 * and those that a task asks for and no role names. Tasks come and go with the
 * registry, so neither stops a start.
 */
export const listUnusedEntitlements = (
  matrix: RbacMatrix,
  askedByTasks: Iterable<string>,
): readonly string[] => {
  const ofTasks = new Set(askedByTasks);
  const used = new Set([...asked(matrix), ...ofTasks, '*']);
  const known = granted(matrix);
  return [
    ...[...known]
      .filter((entitlement) => !used.has(entitlement))
      .map(
        (entitlement) => `${entitlement} is given to a role, but no action and no task asks for it`,
      ),
    ...[...ofTasks]
      .filter((entitlement) => !known.has(entitlement))
      .map((entitlement) => `${entitlement} is asked for by a task, but no role names it`),
  ];
};

/**
 * Refuses a matrix that does not fit the tools: an action without a row, a row
 * without an action, an action that no role may use, an agent with an unknown
 * role. Throws `invalid_policy` that lists every problem.
 */
export const checkMatrix = (tools: readonly ToolActions[], matrix: RbacMatrix): void => {
  const problems = [...compare(tools, matrix), ...findUngranted(matrix)];
  for (const role of [ADMIN_ROLE, DEFAULT_AGENT_ROLE])
    if (!Object.hasOwn(matrix.roles, role)) problems.push(`roles.${role} is missing`);
  for (const [agent, role] of Object.entries(matrix.agents))
    if (!Object.hasOwn(matrix.roles, role))
      problems.push(
        `agents.${agent} has the unknown role ${role}; known: ${Object.keys(matrix.roles).join(', ')}`,
      );
  if (problems.length > 0)
    throw new AppError('invalid_policy', `rbac_tools_matrix.yml: ${problems.join('; ')}`, {
      violations: problems.map((message) => ({ path: 'rbac_tools_matrix.yml', message })),
    });
};
