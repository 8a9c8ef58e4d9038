import type { TaskId } from '#core/ids';
import { MemoryLedger } from './memory-ledger.ts';
import { RegistryFile, type SimulatedRegistry } from './registries.ts';
import { type Dice, diceOf, seededRandom } from './seeded-random.ts';
import { SimulatedEngine } from './simulated-engine.ts';
import { SimulatedHost, type SimulatedWorld } from './simulated-host.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** Over both changes of the clocks of the autumn, in every zone that is used. */
const START_MS = Date.parse('2026-09-01T00:00:00Z');
/** More rarely than in life, since nothing depends on it but how soon. */
const SUPERVISE_EVERY_MS = 10 * MINUTE_MS;
const RECONCILE_EVERY_MS = 60 * MINUTE_MS;

export interface SimulationSize {
  readonly days: number;
  readonly tasks: number;
  /** Days without trouble at the end, in which everything must come to its end. */
  readonly quietDays: number;
}

/** What happened, for the checks and the tally. */
export interface Simulated {
  readonly seed: number;
  readonly ledger: MemoryLedger;
  readonly effects: SimulatedWorld['effects'];
  /** Every registry that a host ever had, by digest. */
  readonly registries: ReadonlyMap<string, SimulatedRegistry>;
  readonly endMs: number;
  readonly faults: Readonly<Record<string, number>>;
}

type Fault = (simulation: Simulation) => Promise<void> | void;

/** Times a week, and what happens. Durations are drawn by the fault. */
const FAULTS: Readonly<Record<string, { readonly perWeek: number; readonly strike: Fault }>> = {
  deploy: { perWeek: 3, strike: (simulation) => simulation.deploy() },
  crash: { perWeek: 5, strike: (simulation) => simulation.crash(1) },
  'all hosts down': { perWeek: 1, strike: (simulation) => simulation.crash(3) },
  'engine away': { perWeek: 1, strike: (simulation) => simulation.outage('engine') },
  'ledger away': { perWeek: 1, strike: (simulation) => simulation.outage('ledger') },
  'engine emptied': { perWeek: 1.5, strike: (simulation) => simulation.world.flush() },
  'engine restored from an old copy': {
    perWeek: 1,
    strike: (simulation) => {
      simulation.after(simulation.dice.whole(1, 600) * MINUTE_MS, simulation.engine.copy());
    },
  },
  'schedule edited by hand': { perWeek: 2, strike: (simulation) => simulation.world.tamper() },
  'registry edited': { perWeek: 3, strike: (simulation) => simulation.edit() },
  pause: { perWeek: 3, strike: (simulation) => simulation.pause() },
};

interface Later {
  readonly atMs: number;
  readonly work: () => Promise<void> | void;
}

class Simulation {
  readonly dice: Dice;
  readonly ledger: MemoryLedger;
  readonly engine: SimulatedEngine;
  readonly hosts: SimulatedHost[];
  readonly file: RegistryFile;
  readonly registries = new Map<string, SimulatedRegistry>();
  readonly faults: Record<string, number> = {};
  readonly world: SimulatedWorld & { flush(): void; tamper(): void };
  #later: Later[] = [];

  constructor(seed: number, size: SimulationSize) {
    this.dice = diceOf(seededRandom(seed));
    const state = { nowMs: START_MS };
    this.ledger = new MemoryLedger(() => new Date(this.world.nowMs));
    this.engine = new SimulatedEngine(() => this.world.nowMs);
    this.file = new RegistryFile(size.tasks, this.dice);
    this.world = {
      ...state,
      ledger: this.ledger,
      engine: this.engine,
      dice: this.dice,
      isLedgerAway: false,
      killChance: 1 / 20_000,
      effects: [],
      isExecuting: (runId, token) =>
        this.hosts.some(({ executing }) =>
          executing.some((each) => each.run.id === runId && each.token === token),
        ),
      died: (host) => this.after(this.dice.whole(5, 120) * 1_000, () => this.start(host)),
      flush: () => this.engine.flush(),
      tamper: () => this.engine.tamper(this.dice.random),
    };
    this.hosts = [1, 2, 3].map(() => new SimulatedHost(this.world, this.file.current));
    this.#remember();
  }

  at(atMs: number, work: Later['work']): void {
    this.#later.push({ atMs, work });
    this.#later.sort((a, b) => a.atMs - b.atMs);
  }

  after(ms: number, work: Later['work']): void {
    this.at(this.world.nowMs + ms, work);
  }

  every(ms: number, untilMs: number, work: Later['work']): void {
    const next = async (): Promise<void> => {
      await work();
      if (this.world.nowMs + ms < untilMs) this.after(ms, next);
    };
    this.after(ms, next);
  }

  async start(host: SimulatedHost): Promise<void> {
    if (host.isUp) return;
    if (await host.start()) return;
    host.kill();
    this.after(MINUTE_MS, () => this.start(host));
  }

  /** A host restarts with the newest file, now and then with an old one. */
  deploy(): void {
    const host = this.dice.pick(this.hosts);
    host.kill();
    host.registry = this.dice.chance(0.9)
      ? this.file.current
      : this.dice.pick([...this.registries.values()]);
    this.after(this.dice.whole(1, 90) * 1_000, () => this.start(host));
  }

  crash(count: number): void {
    const downMs = this.dice.chance(0.3)
      ? this.dice.whole(1, 18) * HOUR_MS
      : this.dice.whole(1, 600) * 1_000;
    const victims = count === 1 ? [this.dice.pick(this.hosts)] : this.hosts;
    for (const host of victims) {
      host.kill();
      this.after(downMs, () => this.start(host));
    }
  }

  outage(what: 'engine' | 'ledger'): void {
    const set = (isAway: boolean): void => {
      if (what === 'engine') this.engine.isAway = isAway;
      else this.world.isLedgerAway = isAway;
    };
    set(true);
    this.after(this.dice.whole(1, 240) * MINUTE_MS, () => set(false));
  }

  async edit(): Promise<void> {
    this.file.edit();
    this.#remember();
    // One host notices the changed file; the others follow with their deploys.
    const host = this.dice.pick(this.hosts);
    if (!host.isUp) return;
    host.registry = this.file.current;
    host.kill();
    await this.start(host);
  }

  pause(): void {
    const names = [...this.file.current.catalog.keys()];
    const taskId: TaskId = this.dice.pick(names);
    this.ledger.pause(taskId, 'operator');
    this.after(this.dice.whole(1, 48) * HOUR_MS, () => this.ledger.resume(taskId));
  }

  /** An operator looks in each morning and lets go what the breaker stopped. */
  resumeBroken(): void {
    for (const pause of this.ledger.pauses)
      if (pause.to === null && pause.by === 'runner') this.ledger.resume(pause.taskId);
  }

  async run(size: SimulationSize): Promise<Simulated> {
    const troubleEndMs = START_MS + size.days * DAY_MS;
    const endMs = troubleEndMs + size.quietDays * DAY_MS;
    for (const host of this.hosts) await this.start(host);
    this.#plan(troubleEndMs);
    this.at(troubleEndMs, () => this.#makeWhole());
    this.every(SUPERVISE_EVERY_MS, endMs, async () => {
      await this.dice.pick(this.hosts).supervise();
    });
    this.every(RECONCILE_EVERY_MS, endMs, async () => {
      await this.dice.pick(this.hosts).reconcile();
    });
    this.every(DAY_MS, endMs, () => this.resumeBroken());
    while (this.world.nowMs < endMs) await this.#step(endMs);
    return { ...this, endMs, seed: 0, effects: this.world.effects };
  }

  #plan(untilMs: number): void {
    for (const [name, { perWeek, strike }] of Object.entries(FAULTS)) {
      const meanMs = (7 * DAY_MS) / perWeek;
      let atMs = START_MS;
      for (;;) {
        atMs += Math.ceil(-Math.log(1 - this.dice.random()) * meanMs);
        if (atMs >= untilMs) break;
        this.at(atMs, async () => {
          this.faults[name] = (this.faults[name] ?? 0) + 1;
          await strike(this);
        });
      }
    }
  }

  /** Everything is up again, with one registry, and nobody is paused. */
  async #makeWhole(): Promise<void> {
    this.world.killChance = 0;
    this.engine.isAway = false;
    this.world.isLedgerAway = false;
    for (const pause of this.ledger.pauses) this.ledger.resume(pause.taskId);
    for (const host of this.hosts) {
      host.kill();
      host.registry = this.file.current;
      await this.start(host);
    }
  }

  #remember(): void {
    this.registries.set(this.file.current.digest, this.file.current);
  }

  /** Moves to the next thing that happens anywhere. */
  async #step(endMs: number): Promise<void> {
    const times = [endMs, this.#later[0]?.atMs ?? endMs];
    const canDeliver = !this.engine.isAway && this.hosts.some((host) => host.hasFreeSlot);
    if (canDeliver) times.push(this.engine.nextDueMs() ?? endMs);
    for (const host of this.hosts) times.push(host.nextAtMs() ?? endMs);
    this.world.nowMs = Math.max(this.world.nowMs, Math.min(...times));
    while ((this.#later[0]?.atMs ?? Number.POSITIVE_INFINITY) <= this.world.nowMs)
      await this.#later.shift()?.work();
    for (const host of this.hosts) await host.work();
    await this.#deliverDue();
    // Nobody can take what is due, so time must pass by itself.
    if (this.world.nowMs < endMs) this.world.nowMs += 1_000;
  }

  async #deliverDue(): Promise<void> {
    for (let tries = 0; tries < 200; tries += 1) {
      const free = this.hosts.filter((host) => host.hasFreeSlot);
      // Without the ledger nothing starts; one try a second is enough to see that.
      const isFutile = this.world.isLedgerAway && tries > 0;
      if (free.length === 0 || this.engine.isAway || isFutile) return;
      const job = this.engine.take();
      if (job === null) return;
      await this.dice.pick(free).deliver(job);
    }
  }
}

/** Ninety days of a system with three hosts, and all that can go wrong in them; the same for the same seed. */
export const simulate = async (seed: number, size: SimulationSize): Promise<Simulated> => {
  const simulated = await new Simulation(seed, size).run(size);
  return { ...simulated, seed };
};
