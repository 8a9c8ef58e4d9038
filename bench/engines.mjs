// Disposable engines for benches: an embedded PostgreSQL and a Redis of their own.
import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startOrAttachEmbeddedPostgres } from '#storage/postgres/embedded-postgres';

const scratch = () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'opsloop-bench-'));
  chmodSync(directory, 0o755);
  return directory;
};

export const withPostgres = async (work) => {
  const dataDir = scratch();
  const server = await startOrAttachEmbeddedPostgres({ dataDir, mode: 'own' });
  try {
    return await work(server.dsn);
  } finally {
    await server.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
};

const freePort = () =>
  new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });

export const withRedis = async (work) => {
  const directory = scratch();
  const port = await freePort();
  const server = spawn(
    'redis-server',
    ['--port', port, '--dir', directory, '--appendonly', 'yes', '--bind', '127.0.0.1'],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const ended = new Promise((resolve) => server.once('close', resolve));
  await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.stdout.on('data', (text) => {
      if (String(text).includes('Ready to accept connections')) resolve();
    });
  });
  try {
    return await work(`redis://127.0.0.1:${port}`);
  } finally {
    server.kill('SIGTERM');
    await ended;
    rmSync(directory, { recursive: true, force: true });
  }
};
