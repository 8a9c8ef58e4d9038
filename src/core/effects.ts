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

/** Who may read a file that is written: the writer's own account, or whoever the directory lets in. */
export type FileAccess = 'private' | 'public';

export interface FileEffects {
  /** Replaces the file at `file` in one step (temporary file, fsync, rename). Public unless told. */
  write(
    effect: 'write_report' | 'write_file',
    file: string,
    content: string | Uint8Array,
    access?: FileAccess,
  ): Promise<void>;
  /** Like `write`, with the content of `source`, which stays: for what is too large to be held. */
  place(source: string, file: string, access?: FileAccess): Promise<void>;
  remove(file: string): Promise<void>;
  /**
   * Replaces `file` by `file.gz` with the same content; the original goes only
   * once the copy is safe, inside of `guard`, which may keep its writers out.
   */
  compress(
    file: string,
    guard?: (removeOriginal: () => Promise<void>) => Promise<void>,
  ): Promise<void>;
}

/** A statement that changes rows, with the query that counts what it would touch. */
export interface RowChange {
  readonly effect: 'delete_rows' | 'update_rows' | 'insert_rows';
  readonly table: string;
  readonly text: string;
  /** Selects one row with one column `count`; takes the same values. */
  readonly countText: string;
  readonly values: readonly unknown[];
  /**
   * The statement limits itself to this many rows: it is repeated, each time in
   * a transaction of its own, until it touches fewer. The count is of all.
   */
  readonly batchRows?: number;
}

export interface RowEffects {
  /** Runs the change and answers how many rows it touched, or would touch. Stops between batches when told to. */
  apply(change: RowChange, signal?: AbortSignal): Promise<number>;
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
