import type { FastifyInstance, FastifyRequest } from 'fastify';
import { AppError } from '#core/errors';
import { findUnstorable } from '#core/storable-text';

declare module 'fastify' {
  interface FastifyRequest {
    /** Bytes of the body that was read; 0 without one. */
    bodyBytes: number;
  }
}

/**
 * Deeper bodies are refused: everything behind walks values recursively, and a
 * stack that overflows would look like a fault of ours. No tool needs half of it.
 */
const MAX_JSON_DEPTH = 64;

// Level by level, so that this walk cannot overflow the stack itself.
const requireTame = (value: unknown): void => {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > MAX_JSON_DEPTH)
      throw new AppError(
        'invalid_request',
        `the body is nested deeper than ${MAX_JSON_DEPTH} levels`,
      );
    const objects = level.filter(
      (item): item is object => item !== null && typeof item === 'object',
    );
    if (objects.some((item) => Object.hasOwn(item, '__proto__')))
      throw new AppError('invalid_request', 'the key __proto__ is not accepted in a JSON body');
    level = objects.flatMap((item): unknown[] => Object.values(item));
  }
};

/** Throws `invalid_request` for text that is no JSON or too deep, `invalid_input` for what no store can keep. */
const parseJsonBody = (text: string): unknown => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Without the cause: the parser's message quotes the text, which may hold a secret.
    throw new AppError('invalid_request', 'the body is not valid JSON');
  }
  requireTame(value);
  const violations = findUnstorable(value);
  if (violations.length > 0)
    throw new AppError('invalid_input', 'the body holds text that cannot be stored', {
      violations,
    });
  return value;
};

const mediaType = (request: FastifyRequest): string | undefined =>
  request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();

/** What curl's `-d` and the `fetch` of JavaScript send for a text without saying what it is. */
const UNSAID = ['application/x-www-form-urlencoded', 'text/plain'];

/**
 * A body that says nothing of its type counts as JSON when a key authenticates.
 * With a session only `application/json` does: a page elsewhere cannot send that
 * without asking first.
 */
const isReadable = (request: FastifyRequest): boolean => {
  const type = mediaType(request);
  if (type === 'application/json') return true;
  const isUnsaid = type === undefined || UNSAID.includes(type);
  return isUnsaid && request.principal?.via === 'key';
};

/** Replaces the body parsers of `scope` by one for JSON. */
export const acceptJsonBodies = (scope: FastifyInstance): void => {
  scope.removeAllContentTypeParsers();
  scope.decorateRequest('bodyBytes', 0);
  scope.addContentTypeParser(
    '*',
    { parseAs: 'string' },
    async (request: FastifyRequest, body: string) => {
      if (!isReadable(request))
        throw new AppError(
          'unsupported_media_type',
          'the body must be JSON: send Content-Type: application/json',
        );
      request.bodyBytes = Buffer.byteLength(body);
      return body.trim() === '' ? undefined : parseJsonBody(body);
    },
  );
};
