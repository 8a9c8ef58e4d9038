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

/** Statements of one transaction. */
export interface TransactionSql extends Sql {
  /**
   * Runs `COPY … FROM STDIN` with the bytes as its input and answers how many
   * rows went in. A fault of the input ends the COPY and with it the transaction.
   */
  copyIn(text: string, input: Iterable<Buffer> | AsyncIterable<Buffer>): Promise<number>;
}

export interface Subscription {
  close(): Promise<void>;
}

/**
 * A PostgreSQL database through one pool. Errors of the connection become
 * AppError `unavailable` with the cause kept; `sqlState(error)` tells the others apart.
 */
export interface Database extends Sql {
  /**
   * BEGIN … COMMIT on one connection; ROLLBACK when `work` rejects. When the
   * signal aborts, the connection is cut, whatever the server is doing, and the
   * transaction rejects with `unavailable`.
   */
  transaction<T>(
    work: (sql: TransactionSql) => Promise<T>,
    options?: { readonly signal?: AbortSignal },
  ): Promise<T>;
  /**
   * LISTENs on a connection of its own, which is made again after it broke.
   * What was notified in between is lost, so callers poll as well.
   */
  listen(channel: string, onNotify: (payload: string) => void): Promise<Subscription>;
  /** Throws AppError `unavailable` when the server does not answer within `timeoutMs`. */
  ping(timeoutMs: number): Promise<void>;
  close(): Promise<void>;
}
