/**
 * Work that is done again and again, one round at a time. Whoever asks while a
 * round runs gets the one after it, together with all others who ask: what was
 * true before the call is seen by the round that answers it.
 */
export class Rounds<T> {
  private readonly work: () => Promise<T>;
  private current: Promise<T> | undefined;
  private following: Promise<T> | undefined;

  constructor(work: () => Promise<T>) {
    this.work = work;
  }

  /** The outcome of a round that starts after this call. */
  next(): Promise<T> {
    if (this.following !== undefined) return this.following;
    if (this.current === undefined) return this.start();
    const start = (): Promise<T> => this.start();
    this.following = this.current.then(start, start);
    return this.following;
  }

  private start(): Promise<T> {
    this.following = undefined;
    const round = this.work().finally(() => {
      if (this.current === round) this.current = undefined;
    });
    this.current = round;
    return round;
  }
}
