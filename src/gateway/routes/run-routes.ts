import type { FastifyInstance } from 'fastify';
import { AppError } from '#core/errors';
import { toLogRecord, toRunRecord } from '#runner/run-record';
import type { Runs } from '#runner/runs';
import { toActor } from '../access/principal.ts';
import { principalOf } from '../http/request-context.ts';

const params = {
  type: 'object',
  properties: { id: { type: 'string', description: 'Id of the run.' } },
} as const;

const parseAfter = (text: string | undefined): number => {
  const after = text === undefined || text === '' ? 0 : Number(text);
  if (Number.isSafeInteger(after) && after >= 0) return after;
  throw new AppError('invalid_input', 'the query is not accepted', {
    violations: [{ path: '$.after', message: 'must be an integer of 0 or more' }],
  });
};

/** What `status_url` of a started run points at, and its log. */
export const registerRunRoutes = (scope: FastifyInstance, runs: Runs): void => {
  scope.get<{ Params: { id: string } }>(
    '/v1/runs/:id',
    { schema: { tags: ['runs'], summary: "The ledger's record of a run.", params } },
    async (request) =>
      toRunRecord(await runs.get(toActor(principalOf(request)), request.params.id)),
  );

  scope.get<{ Params: { id: string }; Querystring: { after?: string } }>(
    '/v1/runs/:id/log',
    {
      schema: {
        tags: ['runs'],
        summary: 'Lines of the log after number `after`, oldest first, at most 1,000.',
        params,
        querystring: {
          type: 'object',
          properties: { after: { type: 'integer', minimum: 0, default: 0 } },
        },
      },
    },
    async (request) => {
      const after = parseAfter(request.query.after);
      const lines = await runs.readLog(toActor(principalOf(request)), request.params.id, after);
      return { lines: lines.map(toLogRecord), next_after: lines.at(-1)?.seq ?? after };
    },
  );
};
