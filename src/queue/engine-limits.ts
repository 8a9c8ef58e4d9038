/**
 * The numbers by which the queue engine runs. They are constants and not
 * settings: the promises of the runner (take-over, retention on the board)
 * rest on them.
 */

/** A worker that stops renewing loses its job after this long. */
export const LOCK_DURATION_MS = 15_000;

/**
 * How often active jobs are checked for a lost lock. PostgreSQL marks a job on
 * one check and takes it away on the next, so a killed run starts again within
 * `LOCK_DURATION_MS` + 2 × this = 23 s, with 2 s to spare of the 25 s promised.
 */
export const STALLED_INTERVAL_MS = 4_000;

/**
 * Practically never: the engine would fail the job without a word to the
 * ledger. The runner stops a run that keeps killing its worker, it sees how
 * often in `Delivery.stalledCount`.
 */
export const MAX_STALLED_COUNT = 1_000_000;

/** For jobs that name no bound of their own, such as those added on the board. */
export const DEFAULT_ATTEMPTS = 20;

const DAY_SECONDS = 86_400;

/** What the board can show of the past; the run ledger remembers the rest. */
export const KEEP_COMPLETED = { count: 1_000, age: 7 * DAY_SECONDS } as const;
export const KEEP_FAILED = { count: 5_000, age: 30 * DAY_SECONDS } as const;

/** Two weeks of minutes, for the board's history of throughput. */
export const METRICS_MINUTES = 14 * 24 * 60;

/** Nothing reads the event stream here; it is kept for a look by hand. */
export const EVENTS_KEPT = 1_000;

/** How long an idle worker blocks before it looks again on its own. */
export const IDLE_BLOCK_SECONDS = 5;

/** Pause between two tries of a worker while its engine is away or refuses. */
export const ENGINE_RETRY_DELAY_MS = 1_000;

/** An engine that has not answered by then counts as away. */
export const OPERATION_TIMEOUT_MS = 5_000;

/** Jobs that are enqueued in one round trip, so that each stays far below `OPERATION_TIMEOUT_MS`. */
export const JOBS_PER_BATCH = 500;

/** The first connection may have to wait for another process that creates the schema. */
export const SCHEMA_TIMEOUT_MS = 60_000;

/** How long a consumer waits for the engine, after its last job ended, before it lets go. */
export const CLOSE_TIMEOUT_MS = 5_000;

/** What an answer `unavailable` proposes to its caller. */
export const RETRY_AFTER_SECONDS = 5;

/** A handler that rejects has a bug; trying again at once would only repeat it. */
export const HANDLER_FAULT_DELAY_MS = 10_000;

/** Of a reason, on the board and in the engine. */
export const REASON_MAX_CHARS = 1_000;

/** Of a line in a job's log on the board, and the lines kept of one job. */
export const LOG_LINE_MAX_CHARS = 4_000;
export const LOG_LINES_KEPT = 1_000;
