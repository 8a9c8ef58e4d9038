import type { FastifyInstance } from 'fastify';

/** One thing a gateway needs to serve. */
export interface ReadinessCheck {
  /** snake_case: `database`, `queue`, `registry`. */
  readonly name: string;
  readonly ok: boolean;
  /** Public: what is missing, without a secret or an internal address. */
  readonly detail: string;
}

/** `/livez`: the process answers. `/readyz` and `/healthz`: what it needs is there; 503 with what is missing. */
export const registerHealthRoutes = (
  scope: FastifyInstance,
  readiness: () => Promise<readonly ReadinessCheck[]>,
): void => {
  scope.get(
    '/livez',
    { schema: { tags: ['health'], summary: 'The process is alive.' } },
    async (_request, reply) => reply.header('cache-control', 'no-store').send({ status: 'ok' }),
  );

  for (const path of ['/readyz', '/healthz'])
    scope.get(
      path,
      { schema: { tags: ['health'], summary: 'Ready to serve; 503 lists what is missing.' } },
      async (_request, reply) => {
        const checks = await readiness();
        const isReady = checks.every(({ ok }) => ok);
        return reply
          .code(isReady ? 200 : 503)
          .header('cache-control', 'no-store')
          .send({ status: isReady ? 'ready' : 'not_ready', checks });
      },
    );
};
