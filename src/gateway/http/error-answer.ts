import { AppError, ERROR_TABLE, type ErrorCode, type Violation } from '#core/errors';
import { redactText } from '../governance/redact-params.ts';

/** An error as a client may see it. */
export interface ErrorAnswer {
  readonly status: number;
  readonly retryAfterSeconds: number | undefined;
  readonly body: { readonly error: Readonly<Record<string, unknown>> };
}

const CODE_BY_STATUS: Readonly<Record<number, { code: ErrorCode; message: string }>> = {
  400: { code: 'invalid_request', message: 'the request is not well-formed' },
  404: { code: 'not_found', message: 'there is nothing at this address' },
  405: { code: 'method_not_allowed', message: 'this address does not accept the method' },
  413: { code: 'payload_too_large', message: 'the request body is too large' },
  415: {
    code: 'unsupported_media_type',
    message: 'the body must be JSON: send Content-Type: application/json',
  },
  429: { code: 'rate_limited', message: 'too many requests' },
};

// The framework's own messages may repeat what was sent, so only their status is used.
const fromFramework = (error: unknown): AppError | null => {
  if (!(error instanceof Error) || !('statusCode' in error)) return null;
  const known = CODE_BY_STATUS[Number(error.statusCode)];
  if (known !== undefined) return new AppError(known.code, known.message, { cause: error });
  return Number(error.statusCode) >= 400 && Number(error.statusCode) < 500
    ? new AppError('invalid_request', 'the request was refused', { cause: error })
    : null;
};

/** A body can have as many faults as keys; nobody reads more than these. */
const MAX_VIOLATIONS = 50;

/** The error's violations; a path names keys as they were sent, where a secret may stand by mistake. */
export const toPublicViolations = (error: AppError): readonly Violation[] =>
  error.violations
    .slice(0, MAX_VIOLATIONS)
    .map(({ path, message }) => ({ path: redactText(path), message }));

/** The AppError behind anything that was thrown, or null when it is a bug. */
export const toAppError = (error: unknown): AppError | null =>
  error instanceof AppError ? error : fromFramework(error);

/**
 * Status and body for an error. Whatever is not meant for clients becomes
 * `internal` with the request's id, by which the log tells the rest.
 */
export const toErrorAnswer = (error: unknown, requestId: string): ErrorAnswer => {
  const known = toAppError(error);
  const { status } = known === null ? ERROR_TABLE.internal : ERROR_TABLE[known.code];
  if (known === null || status === 500)
    return {
      status: 500,
      retryAfterSeconds: undefined,
      body: {
        error: {
          code: 'internal',
          message: 'something went wrong here; the log has the details under the request id',
          request_id: requestId,
        },
      },
    };
  return {
    status,
    retryAfterSeconds:
      known.retryAfterSeconds ?? (status === 503 || status === 429 ? 5 : undefined),
    body: {
      error: {
        code: known.code,
        message: known.message,
        ...(known.violations.length === 0 ? {} : { violations: toPublicViolations(known) }),
        ...(known.violations.length > MAX_VIOLATIONS
          ? { violations_left_off: known.violations.length - MAX_VIOLATIONS }
          : {}),
        ...known.details,
        request_id: requestId,
      },
    },
  };
};
