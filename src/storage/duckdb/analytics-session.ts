import { randomUUID } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import type { DuckDBConnection, DuckDBInstance, DuckDBValue } from '@duckdb/node-api';

export interface AnalyticsSessionOptions {
  /** Folder for spilled data and copies; the session makes its own folder in it and removes that at close. */
  readonly tempDir: string;
  /** Upper bound of DuckDB's own memory, in MiB. Without one it takes 80 % of the machine. */
  readonly memoryLimitMb?: number;
  /** 1 to 2: reports run beside the work of the host, not instead of it. */
  readonly threads?: number;
  /** Interrupts the running statement; later ones reject with the signal's reason. */
  readonly signal: AbortSignal;
}

/** An in-memory DuckDB that lives as long as one question. */
export interface AnalyticsSession {
  /** The session's own folder, mode 0700. */
  readonly tempDir: string;
  run(text: string): Promise<void>;
  rows<Row extends object>(text: string, values?: readonly string[]): Promise<readonly Row[]>;
  /** Safe to call twice. */
  close(): Promise<void>;
}

const DEFAULT_MEMORY_LIMIT_MB = 512;

export const sqlLiteral = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/**
 * Opens DuckDB with bounded memory and threads, in UTC, unable to download or
 * load extensions. Rows come back as JavaScript values: BIGINT as bigint,
 * DOUBLE as number, VARCHAR as string.
 */
export const openAnalyticsSession = async (
  options: AnalyticsSessionOptions,
): Promise<AnalyticsSession> => {
  options.signal.throwIfAborted();
  // Loaded here and not with the module: the native library costs start-up time and memory that most commands never need.
  const { DuckDBInstance: Instance } = await import('@duckdb/node-api');
  const tempDir = path.join(options.tempDir, `duckdb-${process.pid}-${randomUUID()}`);
  await mkdir(tempDir, { recursive: true, mode: 0o700 });
  const opened: { instance?: DuckDBInstance; connection?: DuckDBConnection } = {};
  const onAbort = (): void => opened.connection?.interrupt();

  const close = async (): Promise<void> => {
    options.signal.removeEventListener('abort', onAbort);
    opened.connection?.closeSync();
    opened.instance?.closeSync();
    delete opened.connection;
    delete opened.instance;
    await rm(tempDir, { recursive: true, force: true });
  };

  const guarded = async <T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> => {
    options.signal.throwIfAborted();
    if (opened.connection === undefined) throw new Error('the analytics session is closed');
    try {
      return await work(opened.connection);
    } catch (error) {
      options.signal.throwIfAborted();
      throw error;
    }
  };

  try {
    opened.instance = await Instance.create(':memory:', {
      memory_limit: `${options.memoryLimitMb ?? DEFAULT_MEMORY_LIMIT_MB}MiB`,
      threads: String(options.threads ?? 2),
      temp_directory: path.join(tempDir, 'spill'),
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
    });
    opened.connection = await opened.instance.connect();
    options.signal.addEventListener('abort', onAbort, { once: true });
    await opened.connection.run("SET TimeZone = 'UTC'");
  } catch (error) {
    await close();
    throw error;
  }

  return {
    tempDir,
    run: (text) =>
      guarded(async (connection) => {
        await connection.run(text);
      }),
    rows: <Row extends object>(text: string, values: readonly string[] = []) =>
      guarded(async (connection) => {
        const reader = await connection.runAndReadAll(text, [...values] as DuckDBValue[]);
        return reader.getRowObjectsJS() as unknown as readonly Row[];
      }),
    close,
  };
};
