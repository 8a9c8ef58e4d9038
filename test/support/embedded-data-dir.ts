import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeEach, expect } from 'vitest';
import {
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
  startOrAttachEmbeddedPostgres,
} from '#storage/postgres/embedded-postgres';
import { type ScriptProcess, startScript } from './child-process.ts';

/** A data directory per test, and what joins its server; all of it is stopped and removed afterwards. */
export interface EmbeddedDataDir {
  /** The folder above, 0755. */
  readonly root: string;
  /** A test may set another path below `root` before it joins. */
  dataDir: string;
  /** Makes the data directory a copy of one whose server was made and stopped: saves initdb. */
  copySeed(): Promise<void>;
  /** In this process; `own` unless said otherwise. */
  join(options?: Partial<EmbeddedPostgresOptions>): Promise<EmbeddedPostgres>;
  /** In a process of its own, whose first message is `{dsn, role}`. */
  joinElsewhere(mode: EmbeddedPostgresOptions['mode']): ScriptProcess;
  /** `postmaster.pid` of a cluster in the data directory. */
  pidFile(): string;
  serverPid(): Promise<number | null>;
}

const newFolder = async (): Promise<string> => {
  const folder = await realpath(await mkdtemp(path.join(tmpdir(), 'opsloop-embedded-')));
  await chmod(folder, 0o755);
  return folder;
};

const makeSeed = async (): Promise<string> => {
  const seed = await newFolder();
  const dataDir = path.join(seed, 'data');
  await (await startOrAttachEmbeddedPostgres({ dataDir, mode: 'own' })).stop();
  return seed;
};

/** Registers the hooks; call it once at the top of a test file. */
export const useEmbeddedDataDir = (): EmbeddedDataDir => {
  let seed: Promise<string> | undefined;
  let joined: EmbeddedPostgres[] = [];
  let scripts: ScriptProcess[] = [];

  const place = {
    root: '',
    dataDir: '',
    async copySeed() {
      seed ??= makeSeed();
      const source = path.join(await seed, 'data');
      const copy = spawn('cp', ['-a', source, place.dataDir], { stdio: 'inherit' });
      expect(await once(copy, 'exit')).toEqual([0, null]);
    },
    async join(options: Partial<EmbeddedPostgresOptions> = {}) {
      const embedded = await startOrAttachEmbeddedPostgres({
        dataDir: place.dataDir,
        mode: 'own',
        ...options,
      });
      joined.push(embedded);
      return embedded;
    },
    joinElsewhere(mode: EmbeddedPostgresOptions['mode']) {
      const file = 'test/support/embedded-postgres-process.ts';
      const script = startScript(file, [place.dataDir, mode]);
      scripts.push(script);
      return script;
    },
    pidFile: () => path.join(place.dataDir, 'postgres', 'postmaster.pid'),
    async serverPid() {
      const text = await readFile(place.pidFile(), 'utf8').catch(() => null);
      return text === null ? null : Number(text.split('\n')[0]);
    },
  };

  beforeEach(async () => {
    place.root = await newFolder();
    place.dataDir = path.join(place.root, 'data');
    joined = [];
    scripts = [];
  });

  afterEach(async () => {
    await Promise.all(joined.map((embedded) => embedded.stop()));
    await Promise.all(scripts.map((script) => script.finish()));
    // A server that a failed test left behind is taken over and stopped.
    if ((await place.serverPid()) !== null)
      await (await place.join({ mode: 'attach-or-own' })).stop();
    await rm(place.root, { recursive: true, force: true });
  });

  afterAll(async () => {
    if (seed !== undefined) await rm(await seed, { recursive: true, force: true });
  });

  return place;
};

/** Runs one statement and answers its values in one list. */
export const queryValues = async (dsn: unknown, text: string): Promise<readonly unknown[]> => {
  const client = new pg.Client({ connectionString: String(dsn) });
  await client.connect();
  try {
    return (await client.query({ text, rowMode: 'array' })).rows.flat();
  } finally {
    await client.end();
  }
};

/** Stores a value that `kept` answers as long as the data is there. */
export const keep = (dsn: unknown, value: string): Promise<readonly unknown[]> =>
  queryValues(dsn, `CREATE TABLE kept AS SELECT '${value}' AS value`);

export const kept = (dsn: unknown): Promise<readonly unknown[]> =>
  queryValues(dsn, 'SELECT value FROM kept');
