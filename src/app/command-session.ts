import type { Settings } from '#config/settings';
import type { Registry } from '#registry/task';
import type { Backfill } from '#runner/ledger/backfills';
import type { Actor, Run } from '#runner/run';
import type { RunLogLine, Runs, StartRequest } from '#runner/runs';
import type { RegistryPlan } from '#runner/schedule/apply-registry';

/** A running system that shares this ledger, seen by the heartbeats of its workers. */
export interface LiveSystem {
  readonly workers: number;
  /** Settings on which a run's result depends and which differ from this process's, by variable name. */
  readonly differingSettings: readonly string[];
}

/** What a command of the CLI works with: the ledger and the queue, without serving either. */
export interface CommandSession {
  readonly settings: Settings;
  readonly registry: Registry;
  /** The local user, with every entitlement: who can read the data directory owns it. */
  readonly actor: Actor;
  readonly runs: Runs;
  /** Null when no worker sent a heartbeat in the last 15 seconds. */
  findLiveSystem(): Promise<LiveSystem | null>;
  /** Accepts and executes in this process, in the same ledger; resolves when the run has ended. */
  runInline(request: StartRequest, watch: RunWatch): Promise<Run>;
  /** Follows a run that another process executes, until it has ended. */
  follow(runId: string, watch: RunWatch): Promise<Run>;
  /** Makes this process's registry the law, in the name of the local user; answers what that changed. */
  applyRegistry(): Promise<RegistryPlan>;
  /**
   * Executes what is left of a backfill in this process, oldest first; an abort
   * cancels it. Answers how it stands then: `running` where its task is paused.
   */
  runBackfill(backfill: Backfill, watch: BackfillWatch): Promise<Backfill>;
  /** Follows a backfill that others execute until it has ended; an abort leaves it alone. */
  followBackfill(backfillId: string, watch: BackfillWatch): Promise<Backfill>;
  /** The instant at which a day, `2026-11-05`, begins in an IANA zone. */
  startOfDay(timezone: string, date: string): Date;
  close(): Promise<void>;
}

export interface RunWatch {
  readonly onLog: (line: RunLogLine) => void;
  readonly onProgress: (progress: Run['progress']) => void;
  readonly signal: AbortSignal;
}

export interface BackfillWatch {
  /** Called at the start and whenever runs have ended. */
  readonly onProgress: (backfill: Backfill) => void;
  readonly signal: AbortSignal;
}
