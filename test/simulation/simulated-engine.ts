import { AppError } from '#core/errors';
import { nextOccurrence } from '#occurrences/occurrence-times';
import type { LiveScheduler, NewQueueJob, QueueEngine, QueueJobState } from '#queue/queue-port';

export interface SimulatedJob {
  readonly queueName: string;
  readonly jobId: string;
  readonly name: string;
  readonly data: unknown;
  /** Set when a scheduler made it. */
  readonly slot: { readonly schedulerId: string; readonly at: Date } | null;
  state: QueueJobState;
  /** When a delayed job is due, and when the lock of an active one runs out. */
  atMs: number;
}

interface Scheduler {
  cron: string;
  timezone: string;
  attempts: number;
  jobName: string;
  nextMs: number;
}

type Implemented =
  | 'enqueue'
  | 'enqueueMany'
  | 'findState'
  | 'listSchedulers'
  | 'findSlotStates'
  | 'upsertScheduler'
  | 'removeScheduler';

/** How long the lock of a worker lasts that does not renew it. */
const LOCK_MS = 15_000;

/**
 * BullMQ's job schedulers as they were found to behave: the next job is made
 * when the one before starts, an upsert drops what is overdue, nothing is
 * remembered of slots that passed meanwhile, and all is gone after a flush.
 */
export class SimulatedEngine implements Pick<QueueEngine, Implemented> {
  readonly #nowMs: () => number;
  readonly #schedulers = new Map<string, Scheduler>();
  readonly jobs = new Map<string, SimulatedJob>();
  isAway = false;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  flush(): void {
    this.#schedulers.clear();
    this.jobs.clear();
  }

  /** A copy of everything, as a backup of the engine would hold it. */
  copy(): () => void {
    const schedulers = [...this.#schedulers].map(([key, each]) => [key, { ...each }] as const);
    const jobs = [...this.jobs].map(([key, each]) => [key, { ...each }] as const);
    return () => {
      this.flush();
      for (const [key, each] of schedulers) this.#schedulers.set(key, { ...each });
      for (const [key, each] of jobs) this.jobs.set(key, { ...each });
    };
  }

  /** What somebody does on the board or straight through BullMQ. */
  tamper(random: () => number): void {
    if (this.isAway) return;
    const keys = [...this.#schedulers.keys()];
    const key = keys[Math.floor(random() * keys.length)];
    if (key === undefined) return;
    const [queueName = '', schedulerId = ''] = key.split(' ');
    if (random() < 0.4) void this.removeScheduler({ queueName, schedulerId });
    else {
      const scheduler = this.#schedulers.get(key);
      if (scheduler === undefined) return;
      this.#drop(queueName, schedulerId, scheduler);
      scheduler.cron = '17 3 * * *';
      this.#arm(queueName, schedulerId, scheduler, this.#nowMs());
    }
  }

  async enqueue(job: NewQueueJob): Promise<void> {
    this.#assertThere();
    const key = `${job.queueName} ${job.jobId}`;
    if (this.jobs.has(key)) return;
    this.jobs.set(key, {
      queueName: job.queueName,
      jobId: job.jobId,
      name: job.name,
      data: job.data,
      slot: null,
      state: 'waiting',
      atMs: this.#nowMs(),
    });
  }

  async enqueueMany(jobs: readonly NewQueueJob[]): Promise<void> {
    for (const job of jobs) await this.enqueue(job);
  }

  async findState({ queueName, jobId }: { queueName: string; jobId: string }) {
    this.#assertThere();
    return this.jobs.get(`${queueName} ${jobId}`)?.state ?? null;
  }

  async listSchedulers(queueName: string): Promise<readonly LiveScheduler[]> {
    this.#assertThere();
    return [...this.#schedulers]
      .filter(([key]) => key.startsWith(`${queueName} `))
      .map(([key, scheduler]) => {
        const schedulerId = key.slice(queueName.length + 1);
        return {
          queueName,
          schedulerId,
          cron: scheduler.cron,
          everyMs: null,
          timezone: scheduler.timezone,
          nextAt: new Date(scheduler.nextMs),
          jobName: scheduler.jobName,
          attempts: scheduler.attempts,
          data: {},
          slotState: this.#slotState(queueName, schedulerId, scheduler.nextMs),
        };
      });
  }

  async findSlotStates(
    queueName: string,
    refs: readonly { readonly schedulerId: string; readonly slot: Date }[],
  ): Promise<readonly (QueueJobState | null)[]> {
    this.#assertThere();
    return refs.map(({ schedulerId, slot }) =>
      this.#slotState(queueName, schedulerId, slot.getTime()),
    );
  }

  async upsertScheduler(wanted: Parameters<QueueEngine['upsertScheduler']>[0]): Promise<void> {
    this.#assertThere();
    const { queueName, schedulerId, cron, timezone, attempts, jobName } = wanted;
    const before = this.#schedulers.get(`${queueName} ${schedulerId}`);
    if (before !== undefined) this.#drop(queueName, schedulerId, before);
    this.#arm(
      queueName,
      schedulerId,
      { cron, timezone, attempts, jobName, nextMs: 0 },
      this.#nowMs(),
    );
  }

  async removeScheduler(ref: { queueName: string; schedulerId: string }): Promise<boolean> {
    this.#assertThere();
    const key = `${ref.queueName} ${ref.schedulerId}`;
    const scheduler = this.#schedulers.get(key);
    if (scheduler === undefined) return false;
    this.#drop(ref.queueName, ref.schedulerId, scheduler);
    return this.#schedulers.delete(key);
  }

  /** The next moment at which a job can be taken; null when none is waiting for its time. */
  nextDueMs(): number | null {
    let next: number | null = null;
    for (const job of this.jobs.values())
      if (job.state === 'delayed' || job.state === 'active' || job.state === 'waiting')
        if (next === null || job.atMs < next) next = job.atMs;
    return next;
  }

  /** Gives a worker what is due, oldest first: waiting, delayed until now, or of a worker that went silent. */
  take(): SimulatedJob | null {
    this.#assertThere();
    const nowMs = this.#nowMs();
    let found: SimulatedJob | null = null;
    for (const job of this.jobs.values()) {
      if (job.state === 'completed' || job.state === 'failed' || job.atMs > nowMs) continue;
      if (found === null || job.atMs < found.atMs) found = job;
    }
    if (found === null) return null;
    const wasStarted = found.state === 'active';
    found.state = 'active';
    found.atMs = nowMs + LOCK_MS;
    if (found.slot !== null && !wasStarted) this.#makeNext(found.queueName, found.slot);
    return found;
  }

  renew(job: SimulatedJob): void {
    if (this.jobs.get(`${job.queueName} ${job.jobId}`) === job) job.atMs = this.#nowMs() + LOCK_MS;
  }

  /** The job is over; BullMQ forgets it after a while, the simulation at once. */
  complete(job: SimulatedJob): void {
    this.#assertThere();
    if (this.jobs.get(`${job.queueName} ${job.jobId}`) === job)
      this.jobs.delete(`${job.queueName} ${job.jobId}`);
  }

  defer(job: SimulatedJob, ms: number): void {
    this.#assertThere();
    if (this.jobs.get(`${job.queueName} ${job.jobId}`) !== job) return;
    job.state = 'delayed';
    job.atMs = this.#nowMs() + ms;
  }

  #assertThere(): void {
    if (this.isAway) throw new AppError('unavailable', 'the engine is away');
  }

  #slotKey(queueName: string, schedulerId: string, ms: number): string {
    return `${queueName} repeat:${schedulerId}:${ms}`;
  }

  #slotState(queueName: string, schedulerId: string, ms: number): QueueJobState | null {
    return this.jobs.get(this.#slotKey(queueName, schedulerId, ms))?.state ?? null;
  }

  #drop(queueName: string, schedulerId: string, { nextMs }: Scheduler): void {
    const key = this.#slotKey(queueName, schedulerId, nextMs);
    if (this.jobs.get(key)?.state === 'delayed') this.jobs.delete(key);
  }

  #makeNext(queueName: string, slot: { readonly schedulerId: string; readonly at: Date }): void {
    const scheduler = this.#schedulers.get(`${queueName} ${slot.schedulerId}`);
    if (scheduler?.nextMs !== slot.at.getTime()) return;
    this.#arm(queueName, slot.schedulerId, scheduler, Math.max(this.#nowMs(), slot.at.getTime()));
  }

  #arm(queueName: string, schedulerId: string, scheduler: Scheduler, afterMs: number): void {
    const { cron, timezone, jobName } = scheduler;
    const next = nextOccurrence({ cron, timezone }, new Date(afterMs));
    if (next === null) return;
    scheduler.nextMs = next.getTime();
    this.#schedulers.set(`${queueName} ${schedulerId}`, scheduler);
    const key = this.#slotKey(queueName, schedulerId, scheduler.nextMs);
    if (this.jobs.has(key)) return;
    this.jobs.set(key, {
      queueName,
      jobId: `repeat:${schedulerId}:${scheduler.nextMs}`,
      name: jobName,
      data: {},
      slot: { schedulerId, at: next },
      state: 'delayed',
      atMs: scheduler.nextMs,
    });
  }
}
