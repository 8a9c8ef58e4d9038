import type { JsonValue } from '#core/json';

/** The content of a report. The run decides the path; the job never sees it change with the trigger. */
export interface Report {
  readonly json: JsonValue;
  readonly markdown: string;
  /** Charts that the Markdown shows, by file name (`hourly.svg`), written into the report's asset folder. */
  readonly assets?: Readonly<Record<string, string>>;
}

/** A file of a report as the run ledger keeps it. */
export interface WrittenReport {
  /** Relative to REPO_ROOT, with forward slashes. */
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}
