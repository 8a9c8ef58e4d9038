/** Mulberry32: the same numbers for the same seed on every machine. */
export const seededRandom = (seed: number): (() => number) => {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
};

/** Draws for scenarios, all from one seed. */
export interface Dice {
  readonly random: () => number;
  chance(probability: number): boolean;
  /** A whole number in `[from, to]`. */
  whole(from: number, to: number): number;
  pick<T>(items: readonly T[]): T;
}

export const diceOf = (random: () => number): Dice => ({
  random,
  chance: (probability) => random() < probability,
  whole: (from, to) => from + Math.floor(random() * (to - from + 1)),
  pick: (items) => {
    const item = items[Math.floor(random() * items.length)];
    if (item === undefined) throw new Error('nothing to pick from');
    return item;
  },
});
