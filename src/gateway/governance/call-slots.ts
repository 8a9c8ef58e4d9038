/** One place among the calls of a caller that may be under way at a time. */
export interface Slot {
  /** Keeps the place until `work` has settled, whatever its caller was told meanwhile. */
  holdUntil(work: Promise<unknown>): void;
  /** Frees the place unless some work holds it. */
  end(): void;
}

/** Counts what is under way by caller, in this process. */
export class CallSlots {
  readonly #limit: number;
  readonly #taken = new Map<string, number>();

  /** @param limit calls of one caller at a time, from 1 */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Null when all places of `caller` are taken. */
  take(caller: string): Slot | null {
    const taken = this.#taken.get(caller) ?? 0;
    if (taken >= this.#limit) return null;
    this.#taken.set(caller, taken + 1);
    let isHeld = false;
    let isFree = false;
    const free = (): void => {
      if (isFree) return;
      isFree = true;
      const left = (this.#taken.get(caller) ?? 1) - 1;
      if (left === 0) this.#taken.delete(caller);
      else this.#taken.set(caller, left);
    };
    return {
      holdUntil(work) {
        isHeld = true;
        work.then(free, free);
      },
      end() {
        if (!isHeld) free();
      },
    };
  }
}
