import { FastifyAdapter } from '@bull-board/fastify';

/** Leaves errors to the gateway, which answers without internals and logs the rest. */
export class BoardServerAdapter extends FastifyAdapter {
  override setErrorHandler(): this {
    super.setErrorHandler((error) => {
      throw error;
    });
    return this;
  }
}
