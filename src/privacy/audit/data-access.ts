import type { PrivacyPolicy } from '../privacy-policy.ts';
import type { SafeNames } from './safe-names.ts';
import { type AgentToolTraffic, medianOf, type ToolTraffic } from './tool-traffic.ts';

export interface AccessRow {
  readonly agent_id: string;
  readonly tool: string;
  readonly calls: number;
  readonly denied: number;
  readonly out_bytes: number;
  readonly largest_bytes: number;
}

/** Who takes data out by the tools that give much of it. */
export interface DataAccess {
  readonly tools: readonly {
    readonly tool: string;
    readonly why: 'named in the policy' | 'median output';
    readonly calls: number;
    readonly out_bytes: number;
    readonly median_bytes: number;
  }[];
  /** Most bytes first. */
  readonly agents: readonly AccessRow[];
  /** Pairs of agent and tool beyond those shown. */
  readonly others: number;
}

const compareRows = (a: AgentToolTraffic, b: AgentToolTraffic): number =>
  b.outBytes - a.outBytes || b.calls - a.calls || (a.agent + a.tool < b.agent + b.tool ? -1 : 1);

export const findDataAccess = (
  traffic: ToolTraffic,
  rule: PrivacyPolicy['dataHeavy'],
  names: SafeNames,
): DataAccess => {
  const tools = [...traffic.sortedOutputs()].flatMap(([tool, sorted]) => {
    const median = medianOf(sorted);
    const isNamed = rule.tools.includes(tool);
    if (!isNamed && median < rule.medianOutputBytes) return [];
    const bytes = sorted.reduce((sum, size) => sum + size, 0);
    const why = isNamed ? ('named in the policy' as const) : ('median output' as const);
    return [{ tool, why, calls: sorted.length, out_bytes: bytes, median_bytes: median }];
  });
  const heavy = new Set(tools.map(({ tool }) => tool));
  const rows = traffic
    .allPairs()
    .filter(({ tool }) => heavy.has(tool))
    .sort(compareRows);
  return {
    tools: tools
      .sort((a, b) => b.out_bytes - a.out_bytes || (a.tool < b.tool ? -1 : 1))
      .map((row) => ({ ...row, tool: names.show(row.tool) })),
    agents: rows.slice(0, rule.topN).map((row) => ({
      agent_id: names.show(row.agent),
      tool: names.show(row.tool),
      calls: row.calls,
      denied: row.denied,
      out_bytes: row.outBytes,
      largest_bytes: row.largestBytes,
    })),
    others: Math.max(0, rows.length - rule.topN),
  };
};
