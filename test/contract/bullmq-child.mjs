// BullMQ in a process of its own, for a test to kill or to give a time zone.
// The argument is JSON: where the queue is, what to do there, and the engine's
// own worker options. It says what happened in one line of its output.
import { createPostgresBackend, createRedisBackend, Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import pg from 'pg';

const { queueName, address, act, options } = JSON.parse(process.argv[2] ?? '{}');

const [connection, factory] =
  address.redisUrl === undefined
    ? [
        new pg.Pool({ connectionString: address.dsn, options: '-c search_path=bullmq', max: 4 }),
        createPostgresBackend,
      ]
    : [new Redis(address.redisUrl, { maxRetriesPerRequest: null }), createRedisBackend];
const common = { connection, prefix: address.prefix };

const say = (...words) => process.stdout.write(`${words.join(' ')}\n`);

const work = (processor) =>
  new Worker(queueName, processor, { ...common, ...options }, factory).on('error', () => {});

const ACTS = {
  /** Takes a job and never ends it. */
  hold: () =>
    work((job) => {
      say('holding', job.id);
      return new Promise(() => {});
    }),
  /** Dies of the first job that it starts; ends when the engine fails one without starting it. */
  die: () =>
    work((job) => {
      say('started', job.id, job.attemptsStarted);
      process.kill(process.pid, 'SIGKILL');
      return new Promise(() => {});
    }).on('failed', (job, error) => {
      say('failed', job.id, error.message);
      process.exit();
    }),
  /** Writes a scheduler without a zone and tells its slot. */
  schedule: async () => {
    const queue = new Queue(queueName, common, factory);
    const job = await queue.upsertJobScheduler('task', { pattern: options.pattern });
    say('scheduled', job.id);
    process.exit();
  },
};

await ACTS[act]();
