import path from 'node:path';
import type { AuditTrailReader } from '#audit/audit-store';
import { createAuditTrailReader } from '#audit/backends/audit-trail-reader';
import type { Settings } from '#config/settings';
import type { Clock } from '#core/clock';
import type { Effect } from '#core/effects';
import type { JobContext, JobDefinition, JobOutcome, Window } from '#job-kit/job';
import type { Policies } from '#job-kit/policies';
import type { WrittenReport } from '#job-kit/report';
import type { StoreCatalog, StoreName } from '#job-kit/stores';
import { isOccurrence, previousOccurrence } from '#occurrences/occurrence-times';
import { expandOutputs } from '#registry/outputs';
import { createReportRetention } from '#reports/report-retention';
import { createReportWriter } from '#reports/report-writer';
import type { JobAttempt, JobExecutor } from '#runner/execute/job-executor';
import type { AttemptTraces } from '#runner/execute/perform-attempt';
import type { Run } from '#runner/run';
import { createRunRetention } from '#runner/run-retention';
import type { CatalogEntry, TaskCatalog } from '#runner/task-catalog';
import type { Database } from '#storage/database';
import { auditKeepingStores } from './audit-keeping-stores.ts';
import { trailPlacesOf } from './audit-trail.ts';
import { createPrivacyStores } from './privacy-stores.ts';
import { createRunEffects, type RunEffects } from './run-effects.ts';

/** Of the settings what a job's world is made of; no secret among them. */
export type JobSettings = Pick<
  Settings,
  'repoRoot' | 'dataDir' | 'audit' | 'policyDir' | 'jobsDir'
>;

/** What runs in this process share. */
export interface JobWorld {
  readonly settings: JobSettings;
  readonly database: Database;
  /** ADMIN_DATABASE_URL, for the row changes of retention; null without one. */
  readonly adminDsn: string | null;
  /** Every task, or in a child that runs one job no others than the job looks at. */
  readonly catalog: TaskCatalog;
  readonly policies: Policies;
  readonly clock: Clock;
}

const HOUR_MS = 3_600_000;

const windowOf = ({ scheduledFor, inputs }: Run, { expects }: CatalogEntry): Window => {
  const hours = inputs.window_hours;
  if (typeof hours === 'number')
    return { from: new Date(scheduledFor.getTime() - hours * HOUR_MS), to: scheduledFor };
  const previous = expects === null ? null : previousOccurrence(expects, scheduledFor);
  return { from: previous ?? new Date(scheduledFor.getTime() - 24 * HOUR_MS), to: scheduledFor };
};

/** A history job is given a clock that stands at its instant, so it cannot read another. */
const clockFor = (reads: 'history' | 'live', clock: Clock, scheduledFor: Date): Clock =>
  reads === 'live' ? clock : { ...clock, now: () => new Date(scheduledFor) };

const auditReaderOf = ({ settings, database, clock }: JobWorld): AuditTrailReader =>
  createAuditTrailReader({ ...trailPlacesOf(settings), database, clock });

/** Whether a job is given a store that `JobWorld.catalog` must be whole for. */
export const looksAtAllTasks = ({ needs }: JobDefinition): boolean =>
  needs.includes('runRetention') || needs.includes('privacy');

const storesOf = (
  world: JobWorld,
  effects: RunEffects,
): { [Name in StoreName]: () => StoreCatalog[Name] } => {
  const { settings, catalog, database, clock } = world;
  return {
    audit: () => auditReaderOf(world),
    auditTrail: () => auditReaderOf(world),
    ...auditKeepingStores({
      settings,
      database,
      effects,
      rows: effects.admin,
      mode: effects.mode,
      clock,
    }),
    privacy: () => createPrivacyStores({ settings, database, catalog, rows: effects.rows }),
    reportFiles: () =>
      createReportRetention({
        directory: path.join(settings.repoRoot, 'ops', 'reports'),
        files: effects.files,
      }),
    runRetention: () => createRunRetention(effects, catalog),
  };
};

/** Only the stores the job named; asking for another is an error and not an undefined. */
const chooseStores = (
  job: JobDefinition,
  makers: { [Name in StoreName]: () => StoreCatalog[Name] },
): Pick<StoreCatalog, StoreName> =>
  Object.fromEntries(job.needs.map((name) => [name, makers[name]()])) as unknown as StoreCatalog;

/** The pair of files the run writes, of which the registry's outputs may name none. */
const reportPathsOf = ({
  run,
  entry,
}: JobAttempt): { readonly json: string | null; readonly markdown: string | null } => {
  const { task, expects } = entry;
  const sameInputs = run.inputsHash === entry.scheduleInputsHash;
  const canonical = sameInputs && expects !== null && isOccurrence(expects, run.scheduledFor);
  const paths = expandOutputs(task, {
    scheduledFor: run.scheduledFor,
    canonical,
    inputsHash: sameInputs ? null : run.inputsHash,
  });
  return {
    json: paths.find((file) => file.endsWith('.json')) ?? null,
    markdown: paths.find((file) => file.endsWith('.md')) ?? null,
  };
};

/**
 * Runs a job in this process. A dry-run's writers record instead of acting;
 * a real run's ask the fence first.
 */
export const createInProcessExecutor =
  (world: JobWorld): JobExecutor =>
  (attempt) =>
  (signal) => {
    const { run, entry, lease } = attempt;
    const { settings, database, adminDsn, clock } = world;
    const reports: WrittenReport[] = [];
    const recorded: Effect[] = [];
    const effects = createRunEffects({
      repoRoot: settings.repoRoot,
      database,
      adminDsn,
      as: run.dryRun ? { recorded } : { lease },
    });
    const { job, task } = entry;
    const context: JobContext<Record<string, unknown>, StoreName> = {
      inputs: run.inputs,
      scheduledFor: run.scheduledFor,
      window: windowOf(run, entry),
      timezone: task.timezone,
      signal,
      log: attempt.log,
      progress: attempt.progress,
      stores: chooseStores(job, storesOf(world, effects)),
      policies: world.policies,
      reports: createReportWriter({
        paths: reportPathsOf(attempt),
        effects,
        repoRoot: settings.repoRoot,
        onWritten: (file) => {
          reports.push(file);
        },
      }),
      clock: clockFor(job.reads, clock, run.scheduledFor),
    };
    // An error thrown before the first await is an outcome like one thrown after it.
    const outcome = (async (): Promise<JobOutcome> => job.run(context))().finally(() =>
      effects.close(),
    );
    const traces = (): AttemptTraces => ({ reports, effects: run.dryRun ? recorded : null });
    return { outcome, traces, kill: null };
  };
