import { Type } from 'typebox';
import type { GatewayOptions } from '#gateway/gateway';
import { defineAction, type Tool } from '#gateway/governance/tool';

const ENTITLEMENTS = {
  cost_analyzer_tool: 'tools.cost.read',
  data_governance_tool: 'tools.data_gov.read',
} as const;

// What the digests hold is tested beside their tools; this is for how one gets there.
const digestTool = (name: string): Tool => ({
  name,
  aliases: [],
  description: 'Answers what it was asked.',
  actions: {
    digest: defineAction({
      effect: 'read',
      description: 'Says its window.',
      params: Type.Object(
        { window_hours: Type.Optional(Type.Integer({ minimum: 1, maximum: 744, default: 24 })) },
        { additionalProperties: false },
      ),
      execute: async (params) => ({ status: 200, body: { of: name, ...params } }),
    }),
  },
});

/** A gateway's options with tools behind every dashboard, that say what they were asked. */
export const withDigests = (options: GatewayOptions): GatewayOptions => ({
  ...options,
  tools: [...options.tools, ...Object.keys(ENTITLEMENTS).map(digestTool)],
  matrix: {
    ...options.matrix,
    tools: {
      ...options.matrix.tools,
      ...Object.fromEntries(
        Object.entries(ENTITLEMENTS).map(([name, needed]) => [
          name,
          { actions: { digest: [needed] } },
        ]),
      ),
    },
  },
});
