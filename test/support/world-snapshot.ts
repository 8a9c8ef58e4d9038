import { createHash } from 'node:crypto';
import { channel } from 'node:diagnostics_channel';
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import path from 'node:path';
import type { Database } from '#storage/database';

/** Every file below the directory with size, mode, time of change and content. */
export const snapshotFiles = (directory: string): readonly string[] =>
  readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => {
      const file = path.join(directory, name);
      const { size, mode, mtimeMs } = lstatSync(file);
      const isFile = lstatSync(file).isFile();
      const hash = isFile ? createHash('sha256').update(readFileSync(file)).digest('hex') : '';
      return isFile ? `${name} ${size} ${mode} ${mtimeMs} ${hash}` : `${name}/ ${mode}`;
    });

/** Tables in which a run leaves its traces, by the column that holds the run's id. */
const TRACES: Readonly<Record<string, string>> = {
  'public.task_runs': 'id',
  'public.task_run_events': 'run_id',
  'public.task_run_logs': 'run_id',
  'public.task_leases': 'run_id',
};

/** A digest of every row of every table, without those that belong to `runIds`. */
export const snapshotTables = async (
  database: Database,
  runIds: readonly string[],
): Promise<Readonly<Record<string, string>>> => {
  const tables = await database.query<{ name: string }>(
    `SELECT schemaname || '.' || tablename AS name FROM pg_tables
     WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1`,
  );
  const digests: Record<string, string> = {};
  for (const { name } of tables) {
    const column = TRACES[name];
    const where = column === undefined ? '' : `WHERE NOT (${column} = ANY ($1))`;
    const [row] = await database.query<{ rows: number; digest: string | null }>(
      `SELECT count(*)::int AS rows, md5(string_agg(t::text, E'\\n' ORDER BY t::text)) AS digest
       FROM ${name} t ${where}`,
      column === undefined ? [] : [runIds],
    );
    digests[name] = `${row?.rows} ${row?.digest}`;
  }
  return digests;
};

/** Notes where this process connects to until `stop`. */
export const watchConnections = (): { stop(): readonly string[] } => {
  const targets = new Set<string>();
  const sockets = channel('net.client.socket');
  const onSocket = (message: unknown): void => {
    const { socket } = message as { socket: Socket };
    const note = (): void => {
      const where = socket.remoteAddress === undefined ? 'unix' : socket.remoteAddress;
      targets.add(`${where}:${socket.remotePort ?? ''}`);
    };
    socket.once('connect', note);
    socket.once('error', () => targets.add('refused'));
  };
  sockets.subscribe(onSocket);
  return {
    stop() {
      sockets.unsubscribe(onSocket);
      return [...targets].sort();
    },
  };
};
