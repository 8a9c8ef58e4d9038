import { createWriteStream } from 'node:fs';
import path from 'node:path';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { AuditEvent } from '#audit/audit-event';
import type { AuditDataQuality, AuditDimension, AuditTrailReader } from '#audit/audit-store';
import { pageEvents } from '#audit/read/page-events';
import { type Clock, systemClock } from '#core/clock';
import { AppError } from '#core/errors';
import { csvHeader, csvLine, jsonLine } from './audit-event-text.ts';
import { STOPPED_FOLLOWING } from './exit-codes.ts';
import type { Invocation, TextStream } from './invocation.ts';
import { openSettings } from './open-session.ts';
import { formatDuration, plainText, printJson, printLine, printTable } from './terminal-text.ts';

interface EventFilter {
  readonly tool?: string;
  readonly agent?: string;
  readonly workspace?: string;
}

export interface ExportOptions extends EventFilter {
  readonly from: Date;
  readonly to?: Date;
  readonly format: 'jsonl' | 'csv';
  readonly output?: string;
  readonly json?: boolean;
}

export interface TailOptions extends EventFilter {
  readonly lines: number;
  readonly follow?: boolean;
  readonly json?: boolean;
}

export interface StatsOptions {
  readonly windowHours: number;
  readonly json?: boolean;
}

const HOUR_MS = 3_600_000;
const POLL_MS = 1_000;

const filterOf = ({ tool, agent, workspace }: EventFilter) => ({
  ...(tool === undefined ? {} : { tool }),
  ...(agent === undefined ? {} : { agentId: agent }),
  ...(workspace === undefined ? {} : { workspaceId: workspace }),
});

const withTrail = async (
  invocation: Invocation,
  work: (trail: AuditTrailReader, clock: Clock) => Promise<number>,
): Promise<number> => {
  const opened = await openSettings(invocation, 'command');
  const { withAuditTrail } = await import('#app/audit-trail');
  return withAuditTrail(opened, (trail) => work(trail, systemClock));
};

/** Says on standard error what the answer does not hold, so that nobody takes it for the whole. */
const warnOfGaps = (stderr: TextStream, quality: AuditDataQuality): void => {
  if (quality.partial)
    printLine(stderr, `not complete: ${quality.problems.map(plainText).join(' ') || 'partial'}`);
  if (quality.rejectedCount > 0) {
    const [first] = quality.rejected;
    const where = first === undefined ? '' : `, the first is ${first.file}:${first.line}`;
    printLine(stderr, `${quality.rejectedCount} lines are not events and were left out${where}`);
  }
};

/** Everything of a range as JSON lines or CSV, on standard output or into a new file (0600). */
export const exportEvents = (invocation: Invocation, options: ExportOptions): Promise<number> =>
  withTrail(invocation, async (trail, clock) => {
    const { stdout, stderr } = invocation;
    const to = options.to ?? clock.now();
    if (options.from > to) throw new AppError('invalid_input', '--from must not be after --to');
    const signal = invocation.claimStopSignal();
    const toText = options.format === 'csv' ? csvLine : jsonLine;
    const seen = { events: 0, quality: new Map<string, AuditDataQuality>() };
    const texts = async function* (): AsyncGenerator<string> {
      if (options.format === 'csv') yield csvHeader;
      const filter = filterOf(options);
      for await (const { events, quality } of pageEvents(
        trail,
        { from: options.from, to },
        { filter, signal },
      )) {
        seen.events += events.length;
        if (quality.partial || quality.rejectedCount > 0)
          seen.quality.set(JSON.stringify([quality.problems, quality.rejected]), quality);
        if (events.length > 0) yield events.map(toText).join('');
      }
    };
    const target = options.output;
    // Standard output is not ours to end.
    const sink =
      target === undefined
        ? new Writable({
            decodeStrings: false,
            write: (text: string, _encoding, done) => stdout.write(text, (error) => done(error)),
          })
        : createWriteStream(path.resolve(invocation.directory, target), {
            flags: 'wx',
            mode: 0o600,
          });
    try {
      await pipeline(texts, sink, { signal });
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code === 'EEXIST')
        throw new AppError('conflict', `${target} exists; an export writes a new file`);
      throw error;
    }
    for (const quality of seen.quality.values()) warnOfGaps(stderr, quality);
    if (target !== undefined && options.json === true)
      printJson(stdout, { output: target, events: seen.events, partial: seen.quality.size > 0 });
    else printLine(stderr, `${seen.events} events exported`);
    return 0;
  });

const printEvents = (
  stream: TextStream,
  events: readonly AuditEvent[],
  format: { readonly json?: boolean },
): void => {
  for (const event of events)
    if (format.json === true) stream.write(jsonLine(event));
    else
      printLine(
        stream,
        plainText(
          `${event.ts}  ${event.status.padEnd(7)} ${event.agent_id}  ${event.tool}/${event.action}  ${formatDuration(event.duration_ms)}  ${event.workspace_id}  ${event.req_id}`,
        ),
      );
};

/** The last events, and with `--follow` those that come after. */
export const tailEvents = (invocation: Invocation, options: TailOptions): Promise<number> =>
  withTrail(invocation, async (trail, clock) => {
    const { stdout, stderr } = invocation;
    const query = filterOf(options);
    const last = await trail.read({ ...query, limit: options.lines, order: 'desc' });
    warnOfGaps(stderr, last.quality);
    const first = last.events.toReversed();
    printEvents(stdout, first, options);
    if (options.follow !== true) return 0;
    const signal = invocation.claimStopSignal();
    // What came with the last instant that was seen may have company that is stored later.
    let since = first.at(-1)?.ts ?? clock.now().toISOString();
    let shown = new Set(first.map((event) => JSON.stringify(event)));
    while (!signal.aborted) {
      await clock.sleep(POLL_MS, signal);
      if (signal.aborted) break;
      const { events } = await trail.read({ ...query, fromTs: since, order: 'asc' });
      printEvents(
        stdout,
        events.filter((event) => !shown.has(JSON.stringify(event))),
        options,
      );
      since = events.at(-1)?.ts ?? since;
      shown = new Set(events.map((event) => JSON.stringify(event)));
    }
    return STOPPED_FOLLOWING;
  });

const DIMENSIONS: readonly AuditDimension[] = ['status', 'tool', 'agent_id', 'workspace_id'];
const ROWS_SHOWN = 10;

/** What the trail holds of the last hours, by status, tool, agent and workspace. */
export const showStats = (invocation: Invocation, options: StatsOptions): Promise<number> =>
  withTrail(invocation, async (trail, clock) => {
    const { stdout, stderr } = invocation;
    const to = clock.now();
    const from = new Date(to.getTime() - options.windowHours * HOUR_MS);
    const view = await trail.open({ from, to, signal: invocation.claimStopSignal() });
    try {
      const [total] = await view.aggregate({ from, to, groupBy: [], withP95: true });
      const groups = new Map<AuditDimension, readonly (readonly [string, number, number])[]>();
      for (const dimension of DIMENSIONS) {
        const rows = await view.aggregate({ from, to, groupBy: [dimension] });
        groups.set(
          dimension,
          rows
            .map((row) => [row.key[dimension] ?? '', row.calls, row.failed] as const)
            .sort(([a, callsA], [b, callsB]) => callsB - callsA || (a < b ? -1 : 1)),
        );
      }
      const { quality } = view;
      if (options.json === true) {
        printJson(stdout, {
          window: { from: from.toISOString(), to: to.toISOString() },
          source_backend: quality.sourceBackend,
          partial: quality.partial,
          problems: quality.problems,
          rejected_lines: quality.rejectedCount,
          calls: total?.calls ?? 0,
          failed: total?.failed ?? 0,
          denied: total?.denied ?? 0,
          p95_duration_ms: total?.p95DurationMs ?? null,
          by: Object.fromEntries(
            [...groups].map(([dimension, rows]) => [
              dimension,
              rows.map(([key, calls, failed]) => ({ [dimension]: key, calls, failed })),
            ]),
          ),
        });
        return 0;
      }
      printLine(
        stdout,
        `${total?.calls ?? 0} calls in the last ${options.windowHours} h, ${total?.failed ?? 0} failed, ${total?.denied ?? 0} denied; read from ${quality.sourceBackend}`,
      );
      for (const [dimension, rows] of groups) {
        if (rows.length === 0) continue;
        printLine(stdout);
        printTable(
          stdout,
          [dimension, 'calls', 'failed'],
          rows
            .slice(0, ROWS_SHOWN)
            .map(([key, calls, failed]) => [key, String(calls), String(failed)]),
        );
        if (rows.length > ROWS_SHOWN)
          printLine(stdout, `and ${rows.length - ROWS_SHOWN} more (--json lists them)`);
      }
      warnOfGaps(stderr, quality);
      return 0;
    } finally {
      await view.close();
    }
  });
