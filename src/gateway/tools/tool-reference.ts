import type { TSchema } from 'typebox';
import type { RbacMatrix } from '../access/rbac-matrix.ts';
import type { Tool } from '../governance/tool.ts';
import { limitsOf, type ToolLimits } from '../governance/tool-limits.ts';
import { createCostTool } from './cost-tool.ts';
import { createDataGovernanceTool } from './data-governance-tool.ts';
import { createJobsTool } from './jobs-tool.ts';

/** The tools for what they say of themselves; none of their actions can be called. */
export const describedTools = (): readonly Tool[] => {
  const nothing = {} as never;
  return [createJobsTool(nothing), createCostTool(nothing), createDataGovernanceTool(nothing)];
};

interface Described {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly items?: Described;
  readonly description?: string;
}

const typeText = (schema: Described): string => {
  if (schema.enum !== undefined)
    return schema.enum.map((value) => `\`${String(value)}\``).join(', ');
  const name = schema.type === undefined ? 'any' : [schema.type].flat().join(' or ');
  const range =
    schema.minimum === undefined && schema.maximum === undefined
      ? ''
      : ` ${schema.minimum ?? ''}…${schema.maximum ?? ''}`;
  return schema.items === undefined ? `${name}${range}` : `list of ${typeText(schema.items)}`;
};

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll(/\s+/g, ' ');

const paramRows = (params: Readonly<Record<string, TSchema>>, required: readonly string[]) =>
  Object.entries(params).map(([name, schema]) => {
    const described = schema as unknown as Described;
    const fallback =
      described.default === undefined ? '' : `\`${JSON.stringify(described.default)}\``;
    return `| \`${name}\`${required.includes(name) ? ' (required)' : ''} | ${cell(typeText(described))} | ${cell(fallback)} | ${cell(described.description ?? '')} |`;
  });

const actionText = (
  name: string,
  action: Tool['actions'][string],
  entitlements: readonly string[],
): string => {
  const { properties = {}, required = [] } = action.params;
  const rows = paramRows(properties, required);
  return [
    `### ${name}`,
    `${action.description} ${action.effect === 'change' ? 'Changes something. ' : ''}Needs ${entitlements.map((one) => `\`${one}\``).join(' and ')}.`,
    ...(rows.length === 0
      ? []
      : [['| param | type | default | meaning |', '|---|---|---|---|', ...rows].join('\n')]),
  ].join('\n\n');
};

/** `docs/reference/tools.md`. */
export const renderToolReference = (
  tools: readonly Tool[],
  matrix: RbacMatrix,
  limits: ToolLimits,
): string => {
  const sections = tools.map((tool) => {
    const { calls, windowMs, concurrency, timeoutMs, maxBodyBytes } = limitsOf(limits, tool.name);
    return [
      `## ${tool.name}`,
      tool.description,
      ...(tool.aliases.length === 0
        ? []
        : [`Also called ${tool.aliases.map((alias) => `\`${alias}\``).join(', ')}.`]),
      `Limits as shipped, per key and gateway process: ${calls} calls in ${windowMs / 1_000} s, ${concurrency} at once, ${timeoutMs / 1_000} s each, bodies of ${maxBodyBytes} bytes.`,
      ...Object.entries(tool.actions).map(([name, action]) =>
        actionText(name, action, matrix.tools[tool.name]?.actions[name] ?? []),
      ),
    ].join('\n\n');
  });
  return `${[
    '# Tools of the gateway',
    'Made by `npm run docs`. `GET /v1/tools` answers the same, with JSON Schemas, for what a key may use. A call is `POST /v1/tools/<tool>` with `{"action": …, "params": {…}}`; see the runbook [gateway access](../runbooks/gateway-access.md).',
    ...sections,
  ].join('\n\n')}\n`;
};
