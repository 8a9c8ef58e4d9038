import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { Static, TObject } from 'typebox';
import { DATA_GOVERNANCE_POLICY } from '#config/data-governance-policy';
import { loadPolicy } from '#config/policy-files';
import type { Effect, Effects } from '#core/effects';
import { AppError } from '#core/errors';
import type { JsonObject, JsonSchema, JsonValue } from '#core/json';
import { packageRoot } from '#core/package-root';
import { compileSchema } from '#core/schema';
import { COST_WEIGHTS } from '#finops/cost-weights';
import type { JobDefinition, JobOutcome, Progress, Window } from '#job-kit/job';
import type { Policies, PolicyCatalog } from '#job-kit/policies';
import type { WrittenReport } from '#job-kit/report';
import type { StoreCatalog, StoreName } from '#job-kit/stores';
import { createReportWriter } from '#reports/report-writer';
import { createLiveFileEffects } from '#storage/effects/live-file-effects';
import { createRecordingFileEffects } from '#storage/effects/recording-file-effects';
import { FakeClock } from './fake-clock.ts';

type Stores<Needs extends StoreName> = Pick<StoreCatalog, Needs>;

export interface RunJobOptions<Schema extends TObject, Needs extends StoreName> {
  /** Checked against the job's schema, with its defaults applied. */
  readonly inputs?: Partial<Static<Schema>>;
  readonly scheduledFor: Date;
  /** What `needs` asks for; a function is given the run's effects, so that a dry-run records. */
  readonly stores?: Stores<Needs> | ((effects: Effects) => Stores<Needs>);
  /** Instead of the shipped policy files. */
  readonly policies?: Partial<PolicyCatalog>;
  /** What the clock of a live job shows; the scheduled instant unless told. */
  readonly now?: Date;
  readonly dryRun?: true;
  /** Where reports go; a directory of its own, removed afterwards, unless told. */
  readonly repoRoot?: string;
  readonly signal?: AbortSignal;
}

export interface RunJobResult {
  readonly outcome: JobOutcome;
  /** As read back from the disk; undefined when the job published none or ran dry. */
  readonly report:
    | {
        readonly json: JsonValue;
        readonly jsonText: string;
        readonly markdown: string;
        readonly assets: Readonly<Record<string, string>>;
      }
    | undefined;
  readonly files: readonly WrittenReport[];
  /** What a dry-run recorded. */
  readonly effects: readonly Effect[];
  readonly log: readonly {
    readonly level: 'info' | 'warn';
    readonly message: string;
    readonly fields: JsonObject;
  }[];
  readonly progress: readonly Progress[];
}

const HOUR_MS = 3_600_000;
const DEFAULT_WINDOW_HOURS = 24;
const REPORT_PATHS = { json: 'ops/reports/job/report.json', markdown: 'ops/reports/job/report.md' };

const rowEffectsWithoutDatabase: Effects['rows'] = {
  apply: () => {
    throw new Error(
      'this job changes rows; give its stores a database with row effects of their own',
    );
  },
};

const checkedInputs = <Schema extends TObject>(
  job: JobDefinition<Schema, StoreName>,
  inputs: unknown,
): Static<Schema> => {
  const checked = compileSchema<Static<Schema>>(job.inputs as unknown as JsonSchema).check(inputs);
  if (!checked.ok) {
    throw new AppError('invalid_input', 'the inputs do not fit the job', {
      violations: checked.violations,
    });
  }
  return checked.value;
};

const windowOf = (scheduledFor: Date, inputs: unknown): Window => {
  const asked = (inputs as { window_hours?: unknown }).window_hours;
  const hours = typeof asked === 'number' ? asked : DEFAULT_WINDOW_HOURS;
  return { from: new Date(scheduledFor.getTime() - hours * HOUR_MS), to: scheduledFor };
};

const shippedPolicies = (): Policies => {
  const dir = path.join(packageRoot(), 'config');
  const loaders: { [Name in keyof PolicyCatalog]: () => Promise<PolicyCatalog[Name]> } = {
    cost_weights: () => loadPolicy({ dir, name: 'cost_weights', schema: COST_WEIGHTS }),
    data_governance_policy: () =>
      loadPolicy({ dir, name: 'data_governance_policy', schema: DATA_GOVERNANCE_POLICY }),
  };
  return { load: (name) => loaders[name]() };
};

const policiesWith = (given: Partial<PolicyCatalog>): Policies => {
  const shipped = shippedPolicies();
  return { load: async (name) => given[name] ?? shipped.load(name) };
};

const readReport = async (repoRoot: string): Promise<RunJobResult['report']> => {
  const at = (relative: string): string => path.join(repoRoot, relative);
  const jsonText = await readFile(at(REPORT_PATHS.json), 'utf8');
  const assetDir = at('ops/reports/job/report.assets');
  const names = await readdir(assetDir).catch(() => []);
  const assets: Record<string, string> = {};
  for (const name of names.sort()) assets[name] = await readFile(path.join(assetDir, name), 'utf8');
  return {
    json: JSON.parse(jsonText) as JsonValue,
    jsonText,
    markdown: await readFile(at(REPORT_PATHS.markdown), 'utf8'),
    assets,
  };
};

const execute = async <Schema extends TObject, Needs extends StoreName>(
  job: JobDefinition<Schema, Needs>,
  options: RunJobOptions<Schema, Needs>,
  repoRoot: string,
): Promise<RunJobResult> => {
  const effects: Effect[] = [];
  const files: WrittenReport[] = [];
  const log: RunJobResult['log'][number][] = [];
  const progress: Progress[] = [];
  const runEffects: Effects = {
    files:
      options.dryRun === true
        ? createRecordingFileEffects({ repoRoot, record: (effect) => effects.push(effect) })
        : createLiveFileEffects({ fence: { assertHeld: async () => undefined } }),
    rows: rowEffectsWithoutDatabase,
  };
  const inputs = checkedInputs(job, options.inputs ?? {});
  const stores = typeof options.stores === 'function' ? options.stores(runEffects) : options.stores;
  const outcome = await job.run({
    inputs,
    scheduledFor: options.scheduledFor,
    window: windowOf(options.scheduledFor, inputs),
    timezone: 'UTC',
    signal: options.signal ?? new AbortController().signal,
    log: {
      info: (message, fields = {}) => log.push({ level: 'info', message, fields }),
      warn: (message, fields = {}) => log.push({ level: 'warn', message, fields }),
    },
    progress: (step) => progress.push(step),
    // A job without needs is given no stores; any other caller has to pass them.
    stores: stores ?? ({} as Stores<Needs>),
    policies: policiesWith(options.policies ?? {}),
    reports: createReportWriter({
      paths: REPORT_PATHS,
      effects: runEffects,
      repoRoot,
      onWritten: (file) => files.push(file),
    }),
    clock: new FakeClock((options.now ?? options.scheduledFor).toISOString()),
  });
  const wroteReport = options.dryRun !== true && files.length > 0;
  return {
    outcome,
    report: wroteReport ? await readReport(repoRoot) : undefined,
    files,
    effects,
    log,
    progress,
  };
};

/** Runs a job's code with real writers in a directory of its own, without queue and ledger. */
export const runJob = async <Schema extends TObject, Needs extends StoreName>(
  job: JobDefinition<Schema, Needs>,
  options: RunJobOptions<Schema, Needs>,
): Promise<RunJobResult> => {
  if (options.repoRoot !== undefined) return execute(job, options, options.repoRoot);
  const repoRoot = await mkdtemp(path.join(os.tmpdir(), 'opsloop-job-'));
  try {
    return await execute(job, options, repoRoot);
  } finally {
    await rm(repoRoot, { recursive: true, force: true });
  }
};
