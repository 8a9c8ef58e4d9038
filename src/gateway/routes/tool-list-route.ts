import type { FastifyInstance } from 'fastify';
import type { Principal } from '../access/principal.ts';
import type { RbacMatrix } from '../access/rbac-matrix.ts';
import { entitlementsOf, isAllowed } from '../governance/steps/entitlement-step.ts';
import type { Tool } from '../governance/tool.ts';
import { principalOf } from '../http/request-context.ts';

const describeTool = (tool: Tool, matrix: RbacMatrix, principal: Principal) => ({
  name: tool.name,
  aliases: tool.aliases,
  description: tool.description,
  actions: Object.entries(tool.actions).flatMap(([name, action]) => {
    const entitlements = entitlementsOf(matrix, tool.name, name);
    return isAllowed(principal, entitlements)
      ? [
          {
            name,
            description: action.description,
            effect: action.effect,
            entitlements,
            params: action.params,
          },
        ]
      : [];
  }),
});

/** `GET /v1/tools`: what the caller may use, with the schemas of the params. */
export const registerToolListRoute = (
  scope: FastifyInstance,
  options: { readonly tools: readonly Tool[]; readonly matrix: RbacMatrix },
): void => {
  scope.get(
    '/v1/tools',
    {
      schema: {
        tags: ['tools'],
        summary:
          'Tools and actions that the caller may use, with the JSON Schemas of their params.',
        operationId: 'list_tools',
      },
    },
    async (request) => {
      const principal = principalOf(request);
      return {
        tools: options.tools
          .map((tool) => describeTool(tool, options.matrix, principal))
          .filter(({ actions }) => actions.length > 0),
      };
    },
  );
};
