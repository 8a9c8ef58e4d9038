import type { FastifyInstance } from 'fastify';
import { ICON } from '../http/page.ts';
import { STYLESHEET } from '../http/stylesheet.ts';

/** Sheet and icon of the gateway's own pages, for anybody. */
export const registerAssetRoutes = (scope: FastifyInstance): void => {
  const serve = (path: string, type: string, content: string): void => {
    scope.get(path, { schema: { hide: true } }, async (_request, reply) =>
      reply.type(type).header('cache-control', 'public, max-age=300').send(content),
    );
  };
  serve('/assets/opsloop.css', 'text/css; charset=utf-8', STYLESHEET);
  serve('/assets/opsloop.svg', 'image/svg+xml', ICON);
};
