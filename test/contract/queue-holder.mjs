// A worker that takes one job and never ends it, for a test to kill. The
// arguments are JSON: where the queue is, and the engine's own worker options.
import { createPostgresBackend, Worker, withBackend } from 'bullmq';
import { Redis } from 'ioredis';
import pg from 'pg';

const { queueName, address, options } = JSON.parse(process.argv[2] ?? '{}');

const hold = (job) => {
  process.stdout.write(`holding ${job.id}\n`);
  return new Promise(() => {});
};

if (address.redisUrl === undefined) {
  const pool = new pg.Pool({
    connectionString: address.dsn,
    options: '-c search_path=bullmq',
    max: 4,
  });
  const { Worker: PostgresWorker } = withBackend(createPostgresBackend);
  new PostgresWorker(queueName, hold, { ...options, connection: pool });
} else {
  const connection = new Redis(address.redisUrl, { maxRetriesPerRequest: null });
  new Worker(queueName, hold, { ...options, connection, prefix: address.prefix });
}
