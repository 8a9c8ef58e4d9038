/**
 * What a run does to the world. Stores and writers act through these ports
 * alone; a dry-run is given implementations that record instead of acting, so
 * no job can forget to ask whether it is dry.
 */
export interface Effect {
  /** snake_case verb and object: `write_report`, `delete_file`, `delete_rows`, … */
  readonly effect: string;
  readonly [detail: string]: string | number | boolean | null;
}

export interface FileEffects {
  /** Replaces the file at `file` in one step (temporary file, fsync, rename). */
  write(
    effect: 'write_report' | 'write_file',
    file: string,
    content: string | Uint8Array,
  ): Promise<void>;
  remove(file: string): Promise<void>;
  /** Replaces `file` by `file.gz` with the same content; the original goes only once the copy is safe. */
  compress(file: string): Promise<void>;
}

/** A statement that changes rows, with the query that counts what it would touch. */
export interface RowChange {
  readonly effect: 'delete_rows' | 'update_rows' | 'insert_rows';
  readonly table: string;
  readonly text: string;
  /** Selects one row with one column `count`; takes the same values. */
  readonly countText: string;
  readonly values: readonly unknown[];
}

export interface RowEffects {
  /** Runs the change and answers how many rows it touched, or would touch. */
  apply(change: RowChange): Promise<number>;
}

export interface Effects {
  readonly files: FileEffects;
  readonly rows: RowEffects;
}

/** What a run holds while it may act. */
export interface Fence {
  /** Throws AppError `lease_lost` once another attempt may act in this run's place. */
  assertHeld(): Promise<void>;
}
