/**
 * The one table of error codes. `status` is the HTTP answer, `exitCode` the
 * CLI's, `retry` says whether doing the same again later can help.
 */
export const ERROR_TABLE = {
  invalid_input: { status: 422, exitCode: 2, retry: false },
  invalid_request: { status: 400, exitCode: 2, retry: false },
  unauthenticated: { status: 401, exitCode: 3, retry: false },
  forbidden: { status: 403, exitCode: 3, retry: false },
  not_found: { status: 404, exitCode: 2, retry: false },
  method_not_allowed: { status: 405, exitCode: 2, retry: false },
  conflict: { status: 409, exitCode: 4, retry: false },
  overlap: { status: 409, exitCode: 4, retry: true },
  idempotency_conflict: { status: 409, exitCode: 4, retry: false },
  payload_too_large: { status: 413, exitCode: 2, retry: false },
  unsupported_media_type: { status: 415, exitCode: 2, retry: false },
  rate_limited: { status: 429, exitCode: 5, retry: true },
  unavailable: { status: 503, exitCode: 5, retry: true },
  timeout: { status: 504, exitCode: 5, retry: true },
  invalid_configuration: { status: 500, exitCode: 2, retry: false },
  invalid_registry: { status: 500, exitCode: 2, retry: false },
  invalid_policy: { status: 500, exitCode: 2, retry: false },
  in_use: { status: 503, exitCode: 6, retry: true },
  lease_lost: { status: 500, exitCode: 1, retry: true },
  internal: { status: 500, exitCode: 1, retry: true },
} as const satisfies Record<string, { status: number; exitCode: number; retry: boolean }>;

export type ErrorCode = keyof typeof ERROR_TABLE;

/** One thing wrong with an input: where (JSON path, `$` is the whole) and what. */
export interface Violation {
  readonly path: string;
  readonly message: string;
}

export interface AppErrorOptions {
  readonly cause?: unknown;
  readonly violations?: readonly Violation[];
  /** Public facts that help the caller, such as `active_run_id` or `did_you_mean`. */
  readonly details?: Readonly<Record<string, unknown>>;
  readonly retryAfterSeconds?: number;
}

/**
 * The only error that crosses a folder's boundary on purpose. Its message is
 * public: it never holds a secret, a DSN or an internal path.
 */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly violations: readonly Violation[];
  readonly details: Readonly<Record<string, unknown>>;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'AppError';
    this.code = code;
    this.violations = options.violations ?? [];
    this.details = options.details ?? {};
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

export const hasCode = (error: unknown, code: ErrorCode): error is AppError =>
  error instanceof AppError && error.code === code;

/** The message of anything that was thrown. */
export const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);

/** Whether an error of the operating system has this code, such as `ENOENT`. */
export const hasSystemCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code;

/** Whether a file or folder was not there. */
export const isMissingFile = (error: unknown): boolean => hasSystemCode(error, 'ENOENT');
