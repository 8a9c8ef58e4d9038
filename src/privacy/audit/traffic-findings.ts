import type { AuditEvent } from '#audit/audit-event';
import { type Finding, fingerprintOf } from '../finding.ts';
import type { PrivacyPolicy } from '../privacy-policy.ts';
import { getRule } from '../rules/rule-catalog.ts';
import { maskRequestId } from './metadata-findings.ts';
import type { SafeNames } from './safe-names.ts';
import { medianOf, type ToolTraffic } from './tool-traffic.ts';

/** The largest output of a tool, so that a finding can name its call. */
export class LargestOutputs {
  private readonly byTool = new Map<string, AuditEvent>();

  add(event: AuditEvent): void {
    const known = this.byTool.get(event.tool);
    if (known === undefined || event.out_size > known.out_size) this.byTool.set(event.tool, event);
  }

  of(tool: string): AuditEvent | undefined {
    return this.byTool.get(tool);
  }
}

export interface LargeOutput {
  readonly tool: string;
  /** Calls above the tool's threshold. */
  readonly calls: number;
  readonly threshold_bytes: number;
  readonly median_bytes: number;
  readonly largest_bytes: number;
  readonly event: { readonly req_id: string; readonly ts: string; readonly agent_id: string };
}

export interface DeniedSpike {
  readonly agent_id: string;
  /** Start of the worst hour. */
  readonly hour: string;
  readonly denied: number;
  /** Of all hours of the window. */
  readonly median_denied: number;
}

/** First index whose number is at least `threshold`. */
const lowerBound = (sorted: readonly number[], threshold: number): number => {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 0) < threshold) low = middle + 1;
    else high = middle;
  }
  return low;
};

const thresholdOf = (sorted: readonly number[], rule: PrivacyPolicy['auditScan']): number => {
  if (sorted.length < rule.largeOutputMinCalls) return rule.largeOutputBytes;
  const relative = Math.max(medianOf(sorted) * rule.largeOutputRatio, rule.largeOutputFloorBytes);
  return Math.min(rule.largeOutputBytes, Math.ceil(relative));
};

/** Outputs above the policy's size, or many times the tool's median where there are enough calls to have one. */
export const findLargeOutputs = (
  traffic: ToolTraffic,
  largest: LargestOutputs,
  rule: PrivacyPolicy['auditScan'],
  names: SafeNames,
): readonly LargeOutput[] =>
  [...traffic.sortedOutputs()]
    .flatMap(([tool, sorted]): LargeOutput[] => {
      const threshold = thresholdOf(sorted, rule);
      const calls = sorted.length - lowerBound(sorted, threshold);
      const event = largest.of(tool);
      if (calls === 0 || event === undefined) return [];
      return [
        {
          tool: names.show(tool),
          calls,
          threshold_bytes: threshold,
          median_bytes: medianOf(sorted),
          largest_bytes: event.out_size,
          event: {
            req_id: maskRequestId(event.req_id),
            ts: event.ts,
            agent_id: names.show(event.agent_id),
          },
        },
      ];
    })
    .sort((a, b) => b.largest_bytes - a.largest_bytes || (a.tool < b.tool ? -1 : 1));

/** Agents with an hour of denied calls far above their usual one. */
export const findDeniedSpikes = (
  traffic: ToolTraffic,
  rule: PrivacyPolicy['auditScan'],
  names: SafeNames,
): readonly DeniedSpike[] =>
  [...traffic.deniedSeries()]
    .flatMap(([agent, series]): DeniedSpike[] => {
      const worst = Math.max(...series);
      const median = medianOf([...series].sort((a, b) => a - b));
      if (worst < rule.deniedMinCalls || worst < rule.deniedRatio * median) return [];
      const hour = traffic.hourAt(series.indexOf(worst)).toISOString();
      return [{ agent_id: names.show(agent), hour, denied: worst, median_denied: median }];
    })
    .sort((a, b) => b.denied - a.denied || (a.agent_id < b.agent_id ? -1 : 1));

const findingOf = (
  id: string,
  place: Extract<Finding['place'], { readonly field: string }>,
  count: number,
): Finding => {
  const { severity, title, fix } = getRule(id);
  const fingerprint = fingerprintOf(['audit', id, place.field, place.tool]);
  return { rule: id, severity, title, place, sample: '', fix, fingerprint, count };
};

export const largeOutputFinding = ({ tool, calls, event }: LargeOutput): Finding =>
  findingOf(
    'DG-AUD-002',
    { field: 'out_size', tool, event: { req_id: event.req_id, ts: event.ts } },
    calls,
  );

export const deniedSpikeFinding = ({ agent_id, hour, denied }: DeniedSpike): Finding =>
  findingOf(
    'DG-AUD-004',
    { field: 'status', tool: `agent ${agent_id}`, event: { req_id: '', ts: hour } },
    denied,
  );
