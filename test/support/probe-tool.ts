import { Type } from 'typebox';
import type { GatewayOptions } from '#gateway/gateway';
import { defineAction, type Tool } from '#gateway/governance/tool';

/** A tool that shows how the gateway treats its actions. */
export interface Probe {
  readonly tool: Tool;
  /** What `change` was given, in order. */
  readonly changes: readonly unknown[];
  /** Signals of the calls of `hang`, in order. */
  readonly signals: readonly AbortSignal[];
  /** Resolves once `count` calls of `hang` have begun. */
  hanging(count: number): Promise<void>;
  /** Lets the oldest call of `hang` end, with an error when one is given. */
  release(error?: Error): void;
}

const closed = { additionalProperties: false } as const;

/** An error as a careless driver makes it, with what a client must never see. */
export const CARELESS_MESSAGE = 'connect failed: postgres://ops:hunter2@10.0.0.7/x';

export const createProbe = (): Probe => {
  const changes: unknown[] = [];
  const signals: AbortSignal[] = [];
  const ends: ((error?: Error) => void)[] = [];
  let watchers: { readonly count: number; readonly tell: () => void }[] = [];

  const tellWatchers = (): void => {
    for (const { count, tell } of watchers) if (signals.length >= count) tell();
    watchers = watchers.filter(({ count }) => signals.length < count);
  };

  const tool: Tool = {
    name: 'probe',
    aliases: ['probe_tool'],
    description: 'Shows how calls are treated.',
    actions: {
      look: defineAction({
        effect: 'read',
        description: 'Answers what it was given.',
        params: Type.Object({ text: Type.Optional(Type.String({ maxLength: 20_000 })) }, closed),
        execute: async (params) => ({ status: 200, body: { seen: params } }),
      }),
      change: defineAction({
        effect: 'change',
        description: 'Keeps what it was given.',
        params: Type.Object({ reason: Type.String({ maxLength: 500 }) }, closed),
        execute: async (params) => {
          changes.push(params);
          return { status: 200, body: {} };
        },
      }),
      hang: defineAction({
        effect: 'change',
        description: 'Lasts until the test lets it end.',
        params: Type.Object({}, closed),
        execute: (_params, { signal }) =>
          new Promise((resolve, reject) => {
            signals.push(signal);
            ends.push((error) =>
              error === undefined ? resolve({ status: 200, body: {} }) : reject(error),
            );
            tellWatchers();
          }),
      }),
      fail: defineAction({
        effect: 'read',
        description: 'Fails as nobody foresaw.',
        params: Type.Object({}, closed),
        execute: async () => {
          throw new Error(CARELESS_MESSAGE);
        },
      }),
    },
  };

  return {
    tool,
    changes,
    signals,
    hanging: (count) =>
      signals.length >= count
        ? Promise.resolve()
        : new Promise((resolve) => {
            watchers.push({ count, tell: resolve });
          }),
    release: (error) => ends.shift()?.(error),
  };
};

/** A gateway's options with the probe among its tools: `helion` and `deputy` may use it. */
export const withProbe = (options: GatewayOptions, probe: Probe): GatewayOptions => ({
  ...options,
  tools: [...options.tools, probe.tool],
  matrix: {
    ...options.matrix,
    tools: {
      ...options.matrix.tools,
      probe: {
        actions: Object.fromEntries(
          Object.keys(probe.tool.actions).map((name) => [name, ['tools.probe.use']]),
        ),
      },
    },
    roles: {
      ...options.matrix.roles,
      agent_oncall: [...(options.matrix.roles['agent_oncall'] ?? []), 'tools.probe.use'],
    },
    agents: { ...options.matrix.agents, deputy: 'agent_oncall' },
  },
});
