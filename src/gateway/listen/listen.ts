import { BlockList, isIP } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { AppError } from '#core/errors';
import { findPortHolder } from './port-holder.ts';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** True for addresses that only this host reaches. */
export const isLoopback = (host: string): boolean => {
  if (host === 'localhost') return true;
  const family = isIP(host);
  return family !== 0 && loopback.check(host, family === 4 ? 'ipv4' : 'ipv6');
};

/** `http://127.0.0.1:8080`; an address that stands for all is shown as the loopback one. */
export const toUrl = (host: string, port: number): string => {
  const shown = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `http://${isIP(shown) === 6 ? `[${shown}]` : shown}:${port}`;
};

const explain = async (code: string, host: string, port: number): Promise<AppError | null> => {
  switch (code) {
    case 'EADDRINUSE': {
      const holder = await findPortHolder(port);
      const by = holder === null ? 'by another process' : `by ${holder}`;
      return new AppError(
        'in_use',
        `GATEWAY_PORT ${port} is taken ${by}; stop that or set GATEWAY_PORT to a free port`,
      );
    }
    case 'EACCES':
      return new AppError(
        'invalid_configuration',
        `GATEWAY_PORT ${port} may not be opened by this user; set GATEWAY_PORT to 1024 or more`,
      );
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new AppError(
        'invalid_configuration',
        `GATEWAY_HOST ${host} is no address of this host; set it to one, to 127.0.0.1 or to 0.0.0.0`,
      );
    default:
      return null;
  }
};

/** Listens and answers the port, which differs from `port` when that is 0. Throws `in_use` or `invalid_configuration`. */
export const listen = async (app: FastifyInstance, host: string, port: number): Promise<number> => {
  try {
    await app.listen({ host, port });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    throw (await explain(code, host, port)) ?? error;
  }
  const address = app.server.address();
  return address === null || typeof address === 'string' ? port : address.port;
};
