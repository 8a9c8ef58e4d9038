import type { FileRetentionOutcome, Kept } from '../audit-keeping.ts';

/** Counts what a retention did. */
export class RetentionTally {
  #deletedFiles = 0;
  #compressedFiles = 0;
  #freedBytes = 0;
  readonly #kept: Kept[] = [];

  keep(...kept: readonly Kept[]): void {
    this.#kept.push(...kept);
  }

  deleted(bytes: number): void {
    this.#deletedFiles += 1;
    this.#freedBytes += bytes;
  }

  compressed(bytes: number): void {
    this.#compressedFiles += 1;
    this.#freedBytes += Math.max(0, bytes);
  }

  outcome(closed: FileRetentionOutcome['closed']): FileRetentionOutcome {
    return {
      closed,
      deletedFiles: this.#deletedFiles,
      compressedFiles: this.#compressedFiles,
      freedBytes: this.#freedBytes,
      kept: this.#kept,
    };
  }
}
