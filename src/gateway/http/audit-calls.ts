import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '#core/errors';
import { type CallName, CallRecord } from '../governance/call-record.ts';
import type { CallTrail } from '../governance/call-trail.ts';
import { holdsSecret } from '../governance/redact-params.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Set on routes whose requests each leave an audit event: what it is called until more is known. */
    call?: CallName;
  }
  interface FastifyRequest {
    /** What the audit event of this request will say; null where there will be none. */
    call: CallRecord | null;
  }
}

const bytesOf = (payload: unknown): number => {
  if (typeof payload === 'string') return Buffer.byteLength(payload);
  return Buffer.isBuffer(payload) ? payload.length : 0;
};

const GRAPH_NAME = /^[A-Za-z0-9][A-Za-z0-9_.:/-]{0,127}$/;

const graphHeader = (request: FastifyRequest, header: string): string | null => {
  const sent = request.headers[header.toLowerCase()];
  if (sent === undefined || sent === '') return null;
  if (typeof sent === 'string' && GRAPH_NAME.test(sent) && !holdsSecret(sent)) return sent;
  throw new AppError(
    'invalid_request',
    `${header} must have 1 to 128 letters, digits, dots, dashes, underscores, colons and slashes`,
  );
};

/** Notes which step of which graph makes a call. Throws `invalid_request`; call it once the sender is known. */
export const noteGraph = (request: FastifyRequest, record: CallRecord): void => {
  record.note({
    graphRunId: graphHeader(request, 'X-Graph-Run-Id'),
    graphNode: graphHeader(request, 'X-Graph-Node'),
  });
};

/** The record of a route that has one. */
export const callOf = (request: FastifyRequest): CallRecord => {
  if (request.call === null) throw new Error('the route does not say what its calls are');
  return request.call;
};

/**
 * Gives every request of a route with `config.call` a record, and hands it to
 * the trail before the answer leaves: whoever has the answer finds the event.
 * The only place where that happens, so refusals before any handler (a wrong
 * key, a body that cannot be read) leave an event like everything else.
 */
export const auditCalls = (app: FastifyInstance, trail: CallTrail): void => {
  app.decorateRequest('call', null);
  app.addHook('onRequest', async (request) => {
    const name = request.routeOptions.config.call;
    if (name !== undefined) request.call = new CallRecord(name);
  });
  app.addHook('onSend', async (request: FastifyRequest, reply: FastifyReply, payload: unknown) => {
    const { call } = request;
    // An answer that cannot be sent makes another one; the call stays one.
    request.call = null;
    if (call !== null)
      trail.record(call, {
        requestId: request.id,
        status: reply.statusCode,
        durationMs: reply.elapsedTime,
        outSize: bytesOf(payload),
        address: request.ip,
      });
    if (call?.isChange === true) await trail.settle();
    return payload;
  });
};
