import { expect } from 'vitest';
import type { JsonObject } from '#core/json';
import type { Delivery } from '#queue/queue-port';
import {
  aborted,
  COMPLETE,
  type ContractCheck,
  jobFor,
  scripted,
  stateOf,
  until,
} from './queue-world.ts';

const HOSTILE: JsonObject = {
  ['__proto__']: { polluted: true },
  'a"b\\c': '\u2028\u2029</script><!-- #{x} {{y}} %s \n\r\t \ud83d\ude00',
  '': ['', null, true, -1.5e-7, 9007199254740991, [[[]]], {}],
  sql: "'; DROP TABLE job; --",
  lua: 'redis.call("FLUSHALL")',
  constructor: 'x',
};

/** What becomes of a delivered job. */
export const QUEUE_DELIVERY_CONTRACT: readonly ContractCheck[] = [
  {
    name: 'delivers a job as it was enqueued and completes it',
    check: async (world) => {
      const job = jobFor(world, { data: { a: 1, b: ['x', null] } });
      await world.engine.enqueue(job);
      const { seen, handle } = scripted({ kind: 'complete', returnValue: { done: true } });
      await world.consume(handle);
      await until(async () => (await stateOf(world, job.jobId)) === 'completed');
      expect(seen).toHaveLength(1);
      expect(seen[0]).toMatchObject({
        queueName: world.queueName,
        jobId: job.jobId,
        name: 'sample_task',
        data: job.data,
        attemptsStarted: 1,
        stalledCount: 0,
        scheduledSlot: null,
      });
    },
  },
  {
    name: 'takes the same job id once',
    check: async (world) => {
      const job = jobFor(world, { data: { first: true } });
      await world.engine.enqueue(job);
      await world.engine.enqueue({ ...job, data: { first: false } });
      const { seen, handle } = scripted(COMPLETE);
      await world.consume(handle);
      await until(async () => (await stateOf(world, job.jobId)) === 'completed');
      await world.engine.enqueue(job);
      const last = jobFor(world);
      await world.engine.enqueue(last);
      await until(async () => (await stateOf(world, last.jobId)) === 'completed');
      expect(seen.map(({ data }) => data)).toEqual([{ first: true }, last.data]);
    },
  },
  {
    name: 'brings a retried job again, until it succeeds',
    check: async (world) => {
      const job = jobFor(world, { attempts: 3 });
      const { seen, handle } = scripted(
        { kind: 'retry', reason: 'first', delayMs: 20 },
        { kind: 'retry', reason: 'second', delayMs: 0 },
        COMPLETE,
      );
      await world.consume(handle);
      await world.engine.enqueue(job);
      await until(async () => (await stateOf(world, job.jobId)) === 'completed');
      expect(seen.map(({ attemptsStarted }) => attemptsStarted)).toEqual([1, 2, 3]);
    },
  },
  {
    name: 'holds a retried job back for as long as the handler says',
    check: async (world) => {
      const job = jobFor(world, { attempts: 2 });
      const { seen, handle } = scripted(
        { kind: 'retry', reason: 'later', delayMs: 600_000 },
        COMPLETE,
      );
      await world.consume(handle);
      await world.engine.enqueue(job);
      await until(async () => (await stateOf(world, job.jobId)) === 'delayed');
      const queue = await world.newEngine().bullQueue(world.queueName);
      const held = await queue.getJob(job.jobId);
      expect(held).toMatchObject({ delay: 600_000, attemptsMade: 1, failedReason: 'later' });
      await held?.promote();
      await until(async () => (await stateOf(world, job.jobId)) === 'completed');
      expect(seen).toHaveLength(2);
    },
  },
  {
    name: 'fails a job whose attempts are used up',
    check: async (world) => {
      const job = jobFor(world, { attempts: 2 });
      const { seen, handle } = scripted({ kind: 'retry', reason: 'never works', delayMs: 1 });
      await world.consume(handle);
      await world.engine.enqueue(job);
      await until(async () => (await stateOf(world, job.jobId)) === 'failed');
      expect(seen).toHaveLength(2);
    },
  },
  {
    name: 'fails a job for good though attempts are left',
    check: async (world) => {
      const job = jobFor(world, { attempts: 5 });
      // A reason that PostgreSQL could not keep must not keep the job from failing.
      const { seen, handle } = scripted({ kind: 'fail', reason: 'bad \0 input \ud800' });
      await world.consume(handle);
      await world.engine.enqueue(job);
      await until(async () => (await stateOf(world, job.jobId)) === 'failed');
      expect(seen).toHaveLength(1);
      expect((await world.engine.countJobs(world.queueName)).failed).toBe(1);
    },
  },
  {
    name: 'counts neither requeue nor defer as an attempt',
    check: async (world) => {
      const job = jobFor(world, { attempts: 2 });
      const { seen, handle } = scripted(
        { kind: 'requeue' },
        { kind: 'defer', delayMs: 50 },
        { kind: 'requeue' },
        { kind: 'defer', delayMs: 0 },
        { kind: 'retry', reason: 'the one attempt', delayMs: 1 },
        COMPLETE,
      );
      await world.consume(handle);
      await world.engine.enqueue(job);
      await until(async () => (await stateOf(world, job.jobId)) === 'completed');
      expect(seen).toHaveLength(6);
      expect(seen.every(({ stalledCount }) => stalledCount === 0)).toBe(true);
    },
  },
  {
    name: 'tries a job again whose handler rejected, and keeps its message from the engine',
    check: async (world) => {
      const job = jobFor(world, { attempts: 1 });
      await world.consume(async () => {
        throw new TypeError('secret of the handler');
      });
      await world.engine.enqueue(job);
      await until(async () => (await stateOf(world, job.jobId)) === 'failed');
      expect(world.errors.map(({ message }) => message)).toContain('secret of the handler');
      const stored = await (await world.newEngine().bullQueue(world.queueName)).getJob(job.jobId);
      expect(stored?.failedReason).toBe('The handler of the job failed: TypeError');
      expect(JSON.stringify(stored)).not.toContain('secret');
    },
  },
  {
    name: 'gives hostile data back as it was',
    check: async (world) => {
      const job = jobFor(world, { name: '__proto__', data: HOSTILE });
      const { seen, handle } = scripted(COMPLETE);
      await world.consume(handle);
      await world.engine.enqueue(job);
      await until(async () => (await stateOf(world, job.jobId)) === 'completed');
      expect(JSON.parse(JSON.stringify(seen[0]?.data))).toEqual(
        JSON.parse(JSON.stringify(HOSTILE)),
      );
      expect(seen[0]?.name).toBe('__proto__');
    },
  },
  {
    name: 'refuses data and names that some engine could not keep, naming the place',
    check: async (world) => {
      const nul = jobFor(world, { data: { deep: ['fine', 'a\0b'] } });
      await expect(world.engine.enqueue(nul)).rejects.toMatchObject({
        code: 'invalid_input',
        violations: [{ path: '$.deep[1]' }],
      });
      const half = jobFor(world, { data: { x: 'half \udc00' } });
      await expect(world.engine.enqueue(half)).rejects.toMatchObject({
        code: 'invalid_input',
      });
      for (const jobId of ['a:b', '42', ''])
        await expect(world.engine.enqueue(jobFor(world, { jobId }))).rejects.toMatchObject({
          code: 'invalid_input',
        });
    },
  },
  {
    name: 'completes whatever the return value holds',
    check: async (world) => {
      const job = jobFor(world);
      await world.consume(async (delivery) => {
        await delivery.log('a line with \0 in it');
        await delivery.progress({ step: 'half \ud800' });
        await delivery.progress(50);
        return { kind: 'complete', returnValue: { text: 'nul \0 and \ud800' } };
      });
      await world.engine.enqueue(job);
      await until(async () => (await stateOf(world, job.jobId)) === 'completed');
      expect(world.errors).toEqual([]);
      const queue = await world.newEngine().bullQueue(world.queueName);
      expect((await queue.getJob(job.jobId))?.progress).toBe(50);
      expect((await queue.getJobLogs(job.jobId)).logs).toEqual(['a line with \ufffd in it']);
    },
  },
  {
    name: 'aborts the signals of active deliveries with the reason',
    check: async (world) => {
      const jobs = [jobFor(world), jobFor(world)];
      for (const job of jobs) await world.engine.enqueue(job);
      const reasons: unknown[] = [];
      const consumer = await world.consume(
        async ({ signal }) => {
          reasons.push(await aborted(signal));
          return COMPLETE;
        },
        { concurrency: 2 },
      );
      await until(() => consumer.activeCount === 2);
      consumer.abortActive('shutting down');
      await until(() => reasons.length === 2);
      expect(reasons).toEqual(['shutting down', 'shutting down']);
      await until(() => consumer.activeCount === 0);
    },
  },
  {
    name: 'waits for active jobs when a consumer stops, and takes no further ones',
    check: async (world) => {
      const [active, next] = [jobFor(world), jobFor(world)];
      await world.engine.enqueue(active);
      const gate = world.newGate();
      const consumer = await world.consume(async () => {
        await gate.opened;
        return COMPLETE;
      });
      await until(() => consumer.activeCount === 1);
      let stopped = false;
      const stopping = Promise.all([consumer.stop(), consumer.stop()]).then(() => {
        stopped = true;
      });
      await world.engine.enqueue(next);
      expect(await stateOf(world, next.jobId)).toBe('waiting');
      expect(stopped).toBe(false);
      gate.open();
      await stopping;
      expect(await stateOf(world, active.jobId)).toBe('completed');
      expect(await stateOf(world, next.jobId)).toBe('waiting');
    },
  },
  {
    name: 'puts the active job back when it is told to at shutdown, without an attempt',
    check: async (world) => {
      const job = jobFor(world, { attempts: 1 });
      await world.engine.enqueue(job);
      const first = await world.consume(async ({ signal }) => {
        await aborted(signal);
        return { kind: 'requeue' };
      });
      await until(() => first.activeCount === 1);
      first.abortActive('shutdown');
      await first.stop();
      expect(await stateOf(world, job.jobId)).toBe('waiting');
      const { seen, handle } = scripted(COMPLETE);
      await world.consume(handle);
      await until(async () => (await stateOf(world, job.jobId)) === 'completed');
      expect(seen[0]?.stalledCount).toBe(0);
    },
  },
  {
    name: 'aborts a delivery whose lock was lost, and gives the job out again',
    check: async (world) => {
      const job = jobFor(world);
      await world.engine.enqueue(job);
      const reasons: unknown[] = [];
      const seen: Delivery[] = [];
      await world.consume(async (delivery) => {
        seen.push(delivery);
        if (seen.length > 1) return COMPLETE;
        reasons.push(await aborted(delivery.signal));
        return { kind: 'requeue' };
      });
      await until(async () => (await stateOf(world, job.jobId)) === 'active');
      await world.breakLock(job.jobId);
      await until(async () => (await stateOf(world, job.jobId)) === 'completed', 30_000);
      expect(reasons).toEqual(['lock lost']);
      expect(seen.map(({ stalledCount }) => stalledCount)).toEqual([0, 1]);
    },
  },
  {
    name: 'aborts the first delivery when a job comes again to the same consumer',
    check: async (world) => {
      const job = jobFor(world);
      await world.engine.enqueue(job);
      const reasons: unknown[] = [];
      await world.consume(
        async ({ signal, attemptsStarted }) => {
          if (attemptsStarted > 1) return COMPLETE;
          reasons.push(await aborted(signal));
          return COMPLETE;
        },
        { concurrency: 2 },
      );
      await until(async () => (await stateOf(world, job.jobId)) === 'active');
      const queue = await world.newEngine().bullQueue(world.queueName);
      // Under its worker's hands, as somebody with access to the engine can.
      await (await queue.getJob(job.jobId))?.moveToWait('0');
      await until(async () => (await stateOf(world, job.jobId)) === 'completed');
      await until(() => reasons.length === 1);
      expect(reasons).toEqual(['delivered again']);
    },
  },
];
