import { expect, it } from 'vitest';
import { KnownRoutes } from './known-routes.ts';

it('tells the methods of a path, with parameters and wildcards', () => {
  const routes = new KnownRoutes();
  routes.add('/v1/runs/:id', ['GET', 'HEAD']);
  routes.add('/v1/runs/:id/log', ['GET']);
  routes.add('/static/*', ['GET']);
  routes.add('/a.b', ['POST']);
  expect(routes.methodsOf('/v1/runs/run_1')).toEqual(['GET', 'HEAD']);
  expect(routes.methodsOf('/v1/runs/run_1/log')).toEqual(['GET']);
  expect(routes.methodsOf('/static/js/a.js')).toEqual(['GET']);
  expect(routes.methodsOf('/v1/runs')).toEqual([]);
  expect(routes.methodsOf('/axb')).toEqual([]);
});
