const name = (description: string) => ({ type: 'string', maxLength: 128, description });

/** The headers that a call reads, for /openapi.json. */
export const describeCallHeaders = (call: { readonly isStart: boolean }) => ({
  type: 'object',
  properties: {
    'x-agent-id': name('Selects among the agents that the key is bound to.'),
    'x-workspace-id': name('Selects among the workspaces that the key is bound to.'),
    'x-graph-run-id': name('The run of a graph that the call belongs to; kept in the audit trail.'),
    'x-graph-node': name('The node of that graph; kept in the audit trail.'),
    ...(call.isStart
      ? {
          'idempotency-key': {
            type: 'string',
            maxLength: 255,
            description: 'Within 7 days a repeated start with the same key answers the first run.',
          },
        }
      : {}),
  },
});
