import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Actor } from '#runner/run';
import { toActor } from './access/principal.ts';
import type { CallName } from './governance/call-record.ts';
import type { CallTrail } from './governance/call-trail.ts';
import { redactParams } from './governance/redact-params.ts';
import type { ErrorFormat } from './http/answer-errors.ts';
import { callOf } from './http/audit-calls.ts';
import { principalOf } from './http/request-context.ts';
import { policyHeader } from './http/security-headers.ts';

/** What a mounted part of the site is given. */
export interface MountContext {
  /** Path that browsers put before ours: `` or what PUBLIC_URL ends in. */
  readonly basePath: string;
  /** Who sent the request; every route of the mount is behind authentication. */
  readonly actorOf: (request: FastifyRequest) => Actor;
  /** Names the run that a change started, for its audit event. */
  readonly noteStartedRun: (request: FastifyRequest, runId: string) => void;
}

/** A part of the site that another folder brings, such as the board. */
export interface GatewayMount extends ErrorFormat {
  /** `/board` */
  readonly prefix: string;
  /** What its pages need beyond the site's policy, by directive (`styleSrc`). */
  readonly contentSecurityPolicy?: Readonly<Record<string, readonly string[]>>;
  /** What the audit trail calls requests of a route, `pattern` without the prefix; null for those that only read. */
  nameChange?(method: string, pattern: string): CallName | null;
  register(scope: FastifyInstance, context: MountContext): Promise<void>;
}

const nameChanges = (part: FastifyInstance, mount: GatewayMount): void => {
  part.addHook('onRoute', (route) => {
    const method = [route.method].flat()[0] ?? '';
    const call = mount.nameChange?.(method, route.url.slice(mount.prefix.length)) ?? null;
    if (call !== null) route.config = { ...route.config, call };
  });
};

/** Changes pass what tool calls pass: no change without its event, no secret in what is stored. */
const governChanges = (part: FastifyInstance, trail: CallTrail): void => {
  part.addHook('preHandler', async (request) => {
    if (request.call === null) return;
    const redacted = redactParams(request.body);
    request.call.noteInput(request.body, redacted);
    request.body = redacted;
    trail.requireOpen('change');
    request.call.isChange = true;
  });
};

/** Registers a mounted part in a scope of its own that is behind authentication. */
export const registerMount = async (
  part: FastifyInstance,
  mount: GatewayMount,
  options: { readonly basePath: string; readonly trail: CallTrail },
): Promise<void> => {
  const policy = policyHeader(mount.contentSecurityPolicy ?? {});
  part.addHook('onSend', async (_request, reply, payload) => {
    reply.header('content-security-policy', policy);
    return payload;
  });
  nameChanges(part, mount);
  governChanges(part, options.trail);
  await mount.register(part, {
    basePath: options.basePath,
    actorOf: (request) => toActor(principalOf(request)),
    noteStartedRun: (request, runId) => callOf(request).note({ jobId: runId }),
  });
};
