import { AppError, hasCode } from '#core/errors';
import type { RunId, TaskId } from '#core/ids';
import type { QueueEngine } from '#queue/queue-port';
import type { OccurrenceLedger } from '#runner/ledger/occurrence-ledger';
import { toQueueData } from '#runner/queue-data';
import { isFinal, type Run } from '#runner/run';
import { applyRegistry } from '#runner/schedule/apply-registry';
import { declareRegistry } from '#runner/schedule/declare-tasks';
import { reconcileSchedules } from '#runner/schedule/reconcile-schedules';
import { resolveSlot } from '#runner/schedule/resolve-slot';
import { dropStaleRun, mayBeStale } from '#runner/schedule/stale-run';
import { settleOccurrences } from '#runner/supervise/settle-occurrences';
import type { MemoryLedger } from './memory-ledger.ts';
import type { SimulatedRegistry } from './registries.ts';
import type { Dice } from './seeded-random.ts';
import type { SimulatedEngine, SimulatedJob } from './simulated-engine.ts';

/** The process died at this call: nothing of it goes on. */
class Killed extends Error {}

export interface SimulatedWorld {
  readonly ledger: MemoryLedger;
  readonly engine: SimulatedEngine;
  readonly dice: Dice;
  nowMs: number;
  isLedgerAway: boolean;
  /** Probability that a process dies at a call of the ledger or the engine. */
  killChance: number;
  readonly effects: { readonly runId: RunId; readonly token: number; readonly key: string }[];
  /** Whether some process has this attempt of the run in hand. */
  isExecuting(runId: RunId, token: number): boolean;
  /** Told of a process that died by itself. */
  died(host: SimulatedHost): void;
}

const unavailable = (): AppError => new AppError('unavailable', 'the ledger is away');

interface Execution {
  readonly job: SimulatedJob;
  readonly run: Run;
  readonly token: number;
  readonly effectAtMs: number;
  readonly endsAtMs: number;
  readonly succeeds: boolean;
  readonly kills: boolean;
  /** Does not renew its lock, as a process whose event loop stands still. */
  readonly isFrozen: boolean;
  hasTakenEffect: boolean;
}

const SLOTS = 4;
const BUSY_DEFER_MS = 30_000;
const ELSEWHERE_DEFER_MS = 60_000;
const GONE_GRACE_MS = 600_000;

/** Duration of a run: mostly short, now and then longer than its task's interval. */
const drawDurationMs = (dice: Dice): number =>
  dice.chance(0.02) ? dice.whole(20, 90) * 60_000 : dice.whole(1, 120) * 1_000;

/** One process of the system: the real rules on a simulated clock, ledger and engine. */
export class SimulatedHost {
  readonly #world: SimulatedWorld;
  readonly #ledger: OccurrenceLedger;
  readonly #engine: QueueEngine;
  registry: SimulatedRegistry;
  isUp = false;
  executing: Execution[] = [];
  /** Ends that wait for the ledger; on disk, so a killed process leaves them to its successor. */
  journal: { readonly runId: RunId; readonly token: number; readonly succeeds: boolean }[] = [];

  constructor(world: SimulatedWorld, registry: SimulatedRegistry) {
    this.#world = world;
    this.registry = registry;
    this.#ledger = this.#mortal(world.ledger, () => world.isLedgerAway);
    this.#engine = this.#mortal(world.engine, () => false) as unknown as QueueEngine;
  }

  get hasFreeSlot(): boolean {
    return this.isUp && this.executing.length < SLOTS;
  }

  kill(): void {
    this.isUp = false;
    this.executing = [];
  }

  #die(): void {
    this.kill();
    this.#world.died(this);
  }

  /** Applies its registry and looks through what was missed, as a start does; false when an engine is away. */
  async start(): Promise<boolean> {
    const { catalog } = this.registry;
    this.isUp = true;
    const done = await this.#alive(async () => {
      await applyRegistry(
        { ledger: this.#ledger, queue: this.#engine },
        declareRegistry(catalog),
        'host',
      );
      await this.#settle();
    });
    return this.isUp && done;
  }

  supervise(): Promise<boolean> {
    return this.#alive(async () => {
      this.#mergeJournal();
      await this.#settle();
      await this.#recover();
    });
  }

  reconcile(): Promise<boolean> {
    return this.#alive(async () => {
      await reconcileSchedules({ ledger: this.#ledger, queue: this.#engine });
    });
  }

  async deliver(job: SimulatedJob): Promise<void> {
    await this.#alive(() => this.#deliver(job));
  }

  /** Lets what is due of its runs happen. */
  async work(): Promise<void> {
    const { nowMs, engine, ledger, effects, isLedgerAway } = this.#world;
    for (const execution of [...this.executing]) {
      const { job, run, token, isFrozen } = execution;
      if (!isFrozen && !engine.isAway) engine.renew(job);
      if (execution.kills && nowMs >= execution.effectAtMs) {
        this.#die();
        return;
      }
      if (!execution.hasTakenEffect && nowMs >= execution.effectAtMs && !isLedgerAway) {
        execution.hasTakenEffect = true;
        const held = ledger.runs.get(run.id);
        // Every write of a run asks the fence first.
        if (held?.state === 'running' && held.token === token)
          effects.push({
            runId: run.id,
            token,
            key: `${run.taskId} ${run.scheduledFor.getTime()}`,
          });
      }
      if (nowMs < execution.endsAtMs || !execution.hasTakenEffect) continue;
      this.executing.splice(this.executing.indexOf(execution), 1);
      this.journal.push({ runId: run.id, token, succeeds: execution.succeeds });
      this.#mergeJournal();
      await this.#alive(async () => {
        engine.complete(job);
      });
      // The end of a run wakes the supervisor: the next one to catch up, and those that come after it.
      if (run.trigger === 'catchup' || this.#hasFollowers(run.taskId)) await this.supervise();
    }
  }

  nextAtMs(): number | null {
    const times = this.executing.map(({ hasTakenEffect, effectAtMs, endsAtMs }) =>
      hasTakenEffect ? endsAtMs : effectAtMs,
    );
    return times.length === 0 ? null : Math.min(...times);
  }

  #hasFollowers(taskId: TaskId): boolean {
    return [...this.registry.catalog.values()].some(({ task }) => task.after.includes(taskId));
  }

  #mergeJournal(): void {
    if (this.#world.isLedgerAway) return;
    for (const { runId, token, succeeds } of this.journal.splice(0))
      this.#world.ledger.finish(runId, token, succeeds);
  }

  async #settle(): Promise<void> {
    await settleOccurrences({ ledger: this.#ledger, queue: this.#engine, mayGoOn: () => true });
  }

  async #deliver(job: SimulatedJob): Promise<void> {
    const { engine, ledger, dice, nowMs, killChance } = this.#world;
    const taskId = job.name as TaskId;
    const entry = this.registry.catalog.get(taskId);
    if (entry === undefined) {
      const isDeclared = (await this.#ledger.listDeclarations()).some(
        ({ declaration }) => declaration.task.id === taskId,
      );
      if (isDeclared) engine.defer(job, ELSEWHERE_DEFER_MS);
      else engine.complete(job);
      return;
    }
    const run = await this.#resolve(job, taskId);
    if (run === null) return;
    const now = new Date(nowMs);
    if (mayBeStale(run, entry.task, now) && (await dropStaleRun(this.#ledger, run)) !== null) {
      engine.complete(job);
      return;
    }
    if (this.#world.isLedgerAway) throw unavailable();
    const begun = ledger.begin(run.id, {
      exclusive: entry.task.overlap !== 'allow',
      maxCrashes: entry.task.maxCrashes,
    });
    if (begun === 'busy') return engine.defer(job, BUSY_DEFER_MS);
    if (begun === null) return engine.complete(job);
    const durationMs = drawDurationMs(dice);
    this.executing.push({
      job,
      run,
      token: begun.token,
      effectAtMs: nowMs + Math.round(durationMs * 0.9),
      endsAtMs: nowMs + durationMs,
      succeeds: !dice.chance(0.01),
      kills: killChance > 0 && dice.chance(run.crashes > 0 ? 0.5 : 0.001),
      isFrozen: dice.chance(0.005),
      hasTakenEffect: false,
    });
  }

  async #resolve(job: SimulatedJob, taskId: TaskId): Promise<Run | null> {
    const { engine, ledger, nowMs } = this.#world;
    if (job.slot !== null) {
      const { queueName, jobId } = job;
      const scheduledFor = job.slot.at;
      const slot = { taskId, scheduledFor, queueName, jobId };
      const resolved = await resolveSlot(this.#ledger, slot);
      if (resolved.kind === 'run') return resolved.run;
      if (resolved.kind === 'early') engine.defer(job, resolved.dueAt.getTime() - nowMs);
      else engine.complete(job);
      return null;
    }
    if (this.#world.isLedgerAway) throw unavailable();
    const { run_id: runId } = job.data as { readonly run_id: RunId };
    const run = ledger.runs.get(runId);
    if (run !== undefined && !isFinal(run.state)) return { ...run };
    engine.complete(job);
    return null;
  }

  /** What recover-runs.ts does by SQL: a run that nothing would move gets a new queue job. */
  async #recover(): Promise<void> {
    const { ledger, nowMs } = this.#world;
    for (const run of ledger.activeRuns()) {
      if (nowMs - run.queuedMs < 10_000 || run.queueName === null) continue;
      const ref = { queueName: run.queueName, jobId: run.queueJobId ?? '' };
      const state = await this.#engine.findState(ref);
      if (state === 'waiting' || state === 'active' || state === 'delayed') continue;
      if (run.state === 'running' && this.#world.isExecuting(run.id, run.token)) continue;
      if (ledger.isGoneSince(run.taskId, GONE_GRACE_MS) && !this.registry.catalog.has(run.taskId)) {
        ledger.endRunOfRemovedTask(run);
        continue;
      }
      const jobId = `${run.id}-${nowMs}`;
      run.queueJobId = jobId;
      run.queuedMs = nowMs;
      const { queueName, taskId } = run;
      const data = toQueueData(run);
      await this.#engine.enqueue({ queueName, jobId, name: taskId, data, attempts: 3 });
    }
  }

  /** Runs `work` unless the process is dead or dies of it; an engine that is away is no more than a failed try. */
  async #alive(work: () => Promise<unknown>): Promise<boolean> {
    if (!this.isUp) return false;
    try {
      await work();
      return true;
    } catch (error) {
      if (error instanceof Killed) this.#die();
      else if (!hasCode(error, 'unavailable')) throw error;
      return false;
    }
  }

  /** The port as this process has it: any call may be its last, before or after it was carried out. */
  #mortal<T extends object>(target: T, isAway: () => boolean): T {
    const mayDie = (): void => {
      if (this.#world.dice.chance(this.#world.killChance)) throw new Killed();
    };
    return new Proxy(target, {
      get: (object, name) => {
        const value: unknown = Reflect.get(object, name);
        if (typeof value !== 'function') return value;
        return async (...parameters: unknown[]): Promise<unknown> => {
          if (isAway()) throw unavailable();
          mayDie();
          const answer: unknown = await Reflect.apply(value, object, parameters);
          mayDie();
          return answer;
        };
      },
    });
  }
}
