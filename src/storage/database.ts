/**
 * Runs statements. Rows come back as plain objects; `bigint` columns as numbers where they are
 * safe integers and text beyond, `numeric` and `date` as text, times as Date.
 */
export interface Sql {
  query<Row extends object = Record<string, unknown>>(
    text: string,
    values?: readonly unknown[],
  ): Promise<readonly Row[]>;
  /** Answers how many rows the statement touched. */
  execute(text: string, values?: readonly unknown[]): Promise<number>;
}

export interface Subscription {
  close(): Promise<void>;
}

/**
 * A PostgreSQL database through one pool. Errors of the connection become
 * AppError `unavailable` with the cause kept; `sqlState(error)` tells the others apart.
 */
export interface Database extends Sql {
  /** BEGIN … COMMIT on one connection; ROLLBACK when `work` rejects. */
  transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T>;
  /**
   * LISTENs on a connection of its own, which is made again after it broke.
   * What was notified in between is lost, so callers poll as well.
   */
  listen(channel: string, onNotify: (payload: string) => void): Promise<Subscription>;
  /** Throws AppError `unavailable` when the server does not answer within `timeoutMs`. */
  ping(timeoutMs: number): Promise<void>;
  close(): Promise<void>;
}
