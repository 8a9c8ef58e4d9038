import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { speakAs } from '../access/speak-as.ts';
import { UNKNOWN } from '../governance/call-record.ts';
import type { Tool } from '../governance/tool.ts';
import { largestBodyBytes, limitsOf, type ToolLimits } from '../governance/tool-limits.ts';
import type { CallTool } from './call-tool.ts';
import { describeCallHeaders } from './describe-call.ts';
import { type Addressing, inBody, readToolBody } from './read-tool-body.ts';

export interface ToolRoutesOptions {
  readonly tools: readonly Tool[];
  readonly limits: ToolLimits;
  readonly callTool: CallTool;
}

const bodySchema = (tool: Tool) => ({
  type: 'object',
  required: ['action'],
  oneOf: Object.entries(tool.actions).map(([name, action]) => ({
    type: 'object',
    title: name,
    description: action.description,
    required: ['action'],
    properties: { action: { const: name }, params: action.params },
  })),
});

const executeSchema = (tools: readonly Tool[]) => ({
  type: 'object',
  required: ['tool', 'action'],
  properties: {
    tool: { type: 'string', enum: tools.flatMap(({ name, aliases }) => [name, ...aliases]) },
    action: { type: 'string' },
    params: { type: 'object', description: 'As GET /v1/tools describes them for the action.' },
    agent_id: { type: 'string', description: 'The agent to speak for, as X-Agent-Id names it.' },
  },
});

/** `POST /v1/tools/<name>` for every tool and alias, and `POST /v1/tools/execute` for all of them. */
export const registerToolRoutes = (scope: FastifyInstance, options: ToolRoutesOptions): void => {
  const { tools, limits, callTool } = options;

  const call = async (
    request: FastifyRequest,
    reply: FastifyReply,
    addressing: Addressing,
    addressed: string,
  ): Promise<FastifyReply> => {
    const { tool, agentId, action, params, paramsPath } = readToolBody(request.body, addressing);
    if (agentId !== undefined) speakAs(request, agentId);
    try {
      return await callTool(request, reply, {
        tool: typeof tool === 'string' ? tool : addressed,
        action,
        params,
      });
    } catch (error) {
      throw inBody(error, paramsPath);
    }
  };

  for (const tool of tools)
    for (const name of [tool.name, ...tool.aliases])
      scope.post(
        `/v1/tools/${name}`,
        {
          bodyLimit: limitsOf(limits, tool.name).maxBodyBytes,
          config: { call: { tool: tool.name, action: UNKNOWN } },
          schema: {
            tags: ['tools'],
            summary: tool.description,
            headers: describeCallHeaders({ isStart: true }),
            body: bodySchema(tool),
            operationId: `tool_${name}`,
          },
        },
        (request, reply) => call(request, reply, 'tool_in_path', name),
      );

  const anyTool = {
    bodyLimit: largestBodyBytes(
      limits,
      tools.map(({ name }) => name),
    ),
    config: { call: { tool: UNKNOWN, action: UNKNOWN } },
  };
  scope.post(
    '/v1/tools/execute',
    {
      ...anyTool,
      schema: {
        tags: ['tools'],
        summary: 'Calls the tool that the body names.',
        headers: describeCallHeaders({ isStart: true }),
        body: executeSchema(tools),
        operationId: 'execute_tool',
      },
    },
    (request, reply) => call(request, reply, 'tool_in_body', UNKNOWN),
  );

  // A name that no tool has: the pipeline says which there are.
  scope.post<{ Params: { tool: string } }>(
    '/v1/tools/:tool',
    { ...anyTool, schema: { hide: true } },
    (request, reply) => call(request, reply, 'tool_in_path', request.params.tool),
  );
};
