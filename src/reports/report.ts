import type { JsonValue } from '#core/json';

/** What a report consists of; the same shape that jobs hand over. */
export interface ReportContent {
  readonly json: JsonValue;
  readonly markdown: string;
  /** Charts by file name. */
  readonly assets?: Readonly<Record<string, string>>;
}

/** A file of a report as the run ledger keeps it. */
export interface WrittenFile {
  /** Relative to the repository root, with forward slashes. */
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}
