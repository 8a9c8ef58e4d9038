import type { Static, TObject } from 'typebox';
import type { Clock } from '#core/clock';
import type { JsonObject } from '#core/json';
import type { Policies } from './policies.ts';
import type { Report } from './report.ts';
import type { StoreCatalog, StoreName } from './stores.ts';

/** Instants `[from, to)`, UTC. */
export interface Window {
  readonly from: Date;
  readonly to: Date;
}

export interface JobLog {
  info(message: string, fields?: JsonObject): void;
  warn(message: string, fields?: JsonObject): void;
}

export type Progress =
  | number
  | { readonly done: number; readonly total: number; readonly message?: string };

export interface ReportWriter {
  /**
   * Folder name of the assets, relative to the Markdown file, for its links;
   * ends in a slash.
   */
  readonly assetPrefix: string;
  /** Writes assets, then JSON, then Markdown, each in one step. A retry replaces what is there. */
  publish(report: Report): Promise<void>;
}

/**
 * How a job ends when it is not surprised. Exceptions are for bugs and broken
 * dependencies; those count as retryable unless they are an AppError that says otherwise.
 */
export type JobOutcome =
  | {
      readonly kind: 'succeeded';
      /** Small facts for the ledger and the board; no payloads. */
      readonly summary: JsonObject;
      /** The data is known to be incomplete; the run will be made again once it is whole. */
      readonly partial?: boolean;
    }
  | {
      readonly kind: 'failed';
      readonly reason: string;
      readonly retry: 'retryable' | 'final';
      readonly summary?: JsonObject;
    };

/** Everything a job can reach. Outside of it a job has no clock, no files, no network. */
export interface JobContext<Inputs, Needs extends StoreName> {
  readonly inputs: Inputs;
  /** The instant the run stands for; a history job sees the stores as of it. */
  readonly scheduledFor: Date;
  /** `[scheduledFor − window_hours, scheduledFor)`, or since the task's previous occurrence without that input. */
  readonly window: Window;
  /** IANA zone of the task. */
  readonly timezone: string;
  /** Aborts on timeout, cancel, shutdown and loss of the lease. */
  readonly signal: AbortSignal;
  readonly log: JobLog;
  progress(progress: Progress): void;
  readonly stores: Pick<StoreCatalog, Needs>;
  readonly policies: Policies;
  readonly reports: ReportWriter;
  readonly clock: Clock;
}

export interface JobDefinition<
  Schema extends TObject = TObject,
  Needs extends StoreName = StoreName,
> {
  /** `history`: a pure function of the stores as of `scheduledFor`. `live`: looks at what is there now. */
  readonly reads: 'history' | 'live';
  /** The inputs as the code sees them; the registry's schema must name the same properties. */
  readonly inputs: Schema;
  readonly needs: readonly Needs[];
  run(context: JobContext<Static<Schema>, Needs>): Promise<JobOutcome>;
}

/** Declares a job; `jobs/<name>/job.ts` exports it as `job`. */
export const defineJob = <Schema extends TObject, const Needs extends StoreName>(
  definition: JobDefinition<Schema, Needs>,
): JobDefinition<Schema, Needs> => definition;
