import type { AuditEvent } from '#audit/audit-event';
import { isDeniedStatus } from './call-outcome.ts';

/** Calls of one agent on one tool. */
export interface AgentToolTraffic {
  readonly agent: string;
  readonly tool: string;
  calls: number;
  denied: number;
  outBytes: number;
  largestBytes: number;
}

const MAX_PAIRS = 20_000;
const HOUR_MS = 3_600_000;

/** Counts who called what, how much came out of it, and what was denied. */
export class ToolTraffic {
  private readonly fromMs: number;
  private readonly hours: number;
  private readonly pairs = new Map<string, AgentToolTraffic>();
  private readonly outputs = new Map<string, number[]>();
  private readonly deniedByHour = new Map<string, number[]>();
  private readonly callsByHour: number[];
  /** Calls whose agent and tool are told apart no longer. */
  uncounted = 0;

  constructor(window: { readonly from: Date; readonly to: Date }) {
    this.fromMs = window.from.getTime();
    this.hours = Math.max(1, Math.ceil((window.to.getTime() - this.fromMs) / HOUR_MS));
    this.callsByHour = new Array<number>(this.hours).fill(0);
  }

  add(event: AuditEvent): void {
    const isDenied = isDeniedStatus(event.status);
    const hour = this.hourOf(event);
    this.callsByHour[hour] = (this.callsByHour[hour] ?? 0) + 1;
    const pair = this.pairOf(event);
    if (pair === undefined) this.uncounted += 1;
    else {
      pair.calls += 1;
      pair.denied += isDenied ? 1 : 0;
      pair.outBytes += event.out_size;
      pair.largestBytes = Math.max(pair.largestBytes, event.out_size);
    }
    const sizes = this.outputs.get(event.tool) ?? [];
    sizes.push(event.out_size);
    this.outputs.set(event.tool, sizes);
    if (isDenied) this.countDenied(event.agent_id, hour);
  }

  allPairs(): readonly AgentToolTraffic[] {
    return [...this.pairs.values()];
  }

  /** Sizes of outputs by tool, ascending. */
  sortedOutputs(): ReadonlyMap<string, readonly number[]> {
    for (const sizes of this.outputs.values()) sizes.sort((a, b) => a - b);
    return this.outputs;
  }

  /** Denied calls by agent, one number for each hour of the window. */
  deniedSeries(): ReadonlyMap<string, readonly number[]> {
    return this.deniedByHour;
  }

  /** Calls and denied calls of each hour. */
  hourly(): readonly { readonly ts: string; readonly calls: number; readonly denied: number }[] {
    const denied = [...this.deniedByHour.values()];
    return this.callsByHour.map((calls, hour) => ({
      ts: this.hourAt(hour).toISOString(),
      calls,
      denied: denied.reduce((sum, series) => sum + (series[hour] ?? 0), 0),
    }));
  }

  hourAt(index: number): Date {
    return new Date(this.fromMs + index * HOUR_MS);
  }

  private pairOf(event: AuditEvent): AgentToolTraffic | undefined {
    const key = `${event.agent_id}\u0000${event.tool}`;
    const known = this.pairs.get(key);
    if (known !== undefined || this.pairs.size >= MAX_PAIRS) return known;
    const pair = {
      agent: event.agent_id,
      tool: event.tool,
      calls: 0,
      denied: 0,
      outBytes: 0,
      largestBytes: 0,
    };
    this.pairs.set(key, pair);
    return pair;
  }

  private hourOf(event: AuditEvent): number {
    const hour = Math.floor((Date.parse(event.ts) - this.fromMs) / HOUR_MS);
    return Math.min(this.hours - 1, Math.max(0, hour));
  }

  private countDenied(agent: string, hour: number): void {
    const series = this.deniedByHour.get(agent) ?? new Array<number>(this.hours).fill(0);
    series[hour] = (series[hour] ?? 0) + 1;
    this.deniedByHour.set(agent, series);
  }
}

/** The middle of ascending numbers; of an even count the lower of the two, so that it is one of them. */
export const medianOf = (sorted: readonly number[]): number =>
  sorted[Math.floor((sorted.length - 1) / 2)] ?? 0;
