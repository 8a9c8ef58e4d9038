import type { FastifyInstance } from 'fastify';
import { AppError, type Violation } from '#core/errors';
import { renderProblemPage } from '../access/login-page.ts';
import { type ErrorAnswer, toAppError, toErrorAnswer, toPublicViolations } from './error-answer.ts';
import type { KnownRoutes } from './known-routes.ts';
import { sendPage, wantsPage } from './request-context.ts';

const TITLES: Readonly<Record<number, string>> = {
  401: 'Please log in',
  403: 'Not allowed',
  404: 'Nothing here',
  429: 'Too many attempts',
  503: 'Not available just now',
};

/** A part of the site whose scripts expect errors in a shape of their own. */
export interface ErrorFormat {
  readonly prefix: string;
  formatError?(error: {
    readonly code: string;
    readonly message: string;
    readonly violations: readonly Violation[];
  }): object;
}

const bodyFor = (answer: ErrorAnswer, known: AppError | null, format: ErrorFormat | undefined) =>
  format?.formatError?.({
    code: String(answer.body.error['code']),
    message: String(answer.body.error['message']),
    violations: known === null ? [] : toPublicViolations(known),
  }) ?? answer.body;

/** The one place where an error becomes an HTTP answer, for scripts as JSON and for browsers as a page. */
export const answerErrors = (
  app: FastifyInstance,
  options: {
    readonly routes: KnownRoutes;
    readonly basePath: () => string;
    readonly formats: readonly ErrorFormat[];
  },
): void => {
  app.setErrorHandler((error, request, reply) => {
    const answer = toErrorAnswer(error, request.id);
    const known = toAppError(error);
    if (answer.status === 500) request.log.error({ err: error }, 'request failed');
    else if (known?.cause !== undefined)
      request.log.warn({ err: known.cause, code: known.code }, 'request refused');
    if (answer.retryAfterSeconds !== undefined)
      reply.header('retry-after', String(answer.retryAfterSeconds));
    reply.code(answer.status);
    if (!wantsPage(request)) {
      const format = options.formats.find(({ prefix }) => request.url.startsWith(`${prefix}/`));
      return reply.send(bodyFor(answer, known, format));
    }
    return sendPage(
      reply,
      renderProblemPage({
        basePath: options.basePath(),
        title: TITLES[answer.status] ?? 'That did not work',
        message: String(answer.body.error['message']),
        requestId: request.id,
      }),
    );
  });

  app.setNotFoundHandler((request, reply) => {
    const methods = options.routes.methodsOf(request.url.split('?', 1)[0] ?? '');
    if (methods.length === 0)
      throw new AppError('not_found', 'there is nothing at this address; see /openapi.json');
    reply.header('allow', methods.join(', '));
    throw new AppError('method_not_allowed', `this address accepts ${methods.join(', ')}`, {
      details: { allowed: methods },
    });
  });
};
