import type { Clock } from '#core/clock';
import type { TaskId } from '#core/ids';
import type { Actor } from '#runner/run';
import type { Runs } from '#runner/runs';

// The board itself looks up what is paused; who may see which queue is decided elsewhere.
const BOARD_ACTOR: Actor = { id: 'board', entitlements: new Set(['*']), isAdmin: false };

/** Every queue asks on every poll of every tab; one answer serves them all for this long (milliseconds). */
const KEEP_MS = 2_000;

/** Which tasks the ledger has as paused. */
export class PauseView {
  readonly #runs: Runs;
  readonly #clock: Clock;
  #known: { readonly atMs: number; readonly paused: Promise<ReadonlySet<TaskId>> } | null = null;

  constructor(runs: Runs, clock: Clock) {
    this.#runs = runs;
    this.#clock = clock;
  }

  /** Rejects with `unavailable` while the ledger is away. */
  pausedTasks(): Promise<ReadonlySet<TaskId>> {
    const nowMs = this.#clock.now().getTime();
    if (this.#known === null || nowMs - this.#known.atMs >= KEEP_MS)
      this.#known = { atMs: nowMs, paused: this.#load() };
    return this.#known.paused;
  }

  /** After a change, the next question is asked anew. */
  forget(): void {
    this.#known = null;
  }

  async #load(): Promise<ReadonlySet<TaskId>> {
    const tasks = await this.#runs.listTasks(BOARD_ACTOR);
    return new Set(tasks.filter(({ pause }) => pause !== null).map(({ task }) => task.id));
  }
}
