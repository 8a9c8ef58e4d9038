import { createLogger, type Logger } from '#telemetry/logger';

/** The real logger with every line kept. */
export interface CapturedLog {
  readonly logger: Logger;
  /** All lines so far. */
  text(): string;
  records(): readonly Readonly<Record<string, unknown>>[];
}

export const captureLog = async (): Promise<CapturedLog> => {
  const lines: string[] = [];
  const logger = await createLogger({
    level: 'trace',
    destination: { write: (line: string) => void lines.push(line) },
  });
  return {
    logger,
    text: () => lines.join(''),
    records: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>),
  };
};
