import { type DestinationStream, type LevelWithSilent, type Logger, pino } from 'pino';
import { errorRecord, maskText, redactFields } from './redaction.ts';

export type { Logger } from 'pino';

export interface LoggerOptions {
  readonly level: LevelWithSilent;
  /** Where lines go: standard error, so that standard output stays the command's answer. */
  readonly destination: NodeJS.WriteStream | DestinationStream;
}

interface HttpRequest {
  readonly id?: unknown;
  readonly method?: unknown;
  readonly url?: unknown;
  readonly ip?: unknown;
}

// A query string may carry what a client should have put in a header.
const requestRecord = (request: HttpRequest): Record<string, unknown> => ({
  req_id: request.id,
  method: request.method,
  path: typeof request.url === 'string' ? request.url.split('?', 1)[0] : undefined,
  remote: request.ip,
});

const responseRecord = (response: { readonly statusCode?: unknown }): Record<string, unknown> => ({
  status: response.statusCode,
});

// The formatter has made a record of an error in a line's fields; one that a child is bound to comes as it is.
const errorField = (error: unknown): unknown =>
  error instanceof Error ? errorRecord(error) : error;

const isTerminal = (destination: LoggerOptions['destination']): destination is NodeJS.WriteStream =>
  'isTTY' in destination && destination.isTTY === true;

// pino-pretty is loaded on a terminal alone: it costs more to load than the CLI itself.
const openPretty = async (terminal: NodeJS.WriteStream): Promise<DestinationStream> => {
  const { PinoPretty } = await import('pino-pretty');
  return PinoPretty({
    destination: terminal,
    colorize: terminal.hasColors(),
    sync: true,
    translateTime: 'UTC:HH:MM:ss.l',
  });
};

/**
 * The process's logger: one JSON object a line, or readable text when the
 * destination is a terminal. Children carry `run_id`, `task`, `req_id`.
 * Nothing that passes through it shows a key, a cookie, a token or a DSN's
 * password, whoever logs it.
 */
export const createLogger = async (options: LoggerOptions): Promise<Logger> => {
  const destination = isTerminal(options.destination)
    ? await openPretty(options.destination)
    : options.destination;
  return pino(
    {
      level: options.level,
      // No pid: which process wrote is known to whoever collects the lines, and fields may be named so.
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: {
        level: (label) => ({ level: label }),
        log: (fields) => redactFields(fields),
      },
      serializers: { err: errorField, req: requestRecord, res: responseRecord },
      hooks: {
        logMethod(args, method) {
          const masked = args.map((arg) => (typeof arg === 'string' ? maskText(arg) : arg));
          Reflect.apply(method, this, masked);
        },
      },
    },
    destination,
  );
};

/** A logger that says nothing, for code that must be given one. */
export const silentLogger = (): Logger => pino({ level: 'silent' });
