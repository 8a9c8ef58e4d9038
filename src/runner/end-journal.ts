import {
  appendFileSync,
  closeSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import path from 'node:path';
import { hasCode } from '#core/errors';
import { isProcessAlive } from '#core/process-alive';
import type { Database } from '#storage/database';
import { finishRun, type RunEnd } from './ledger/finish-run.ts';

const PREFIX = 'run-ends.';
const SUFFIX = '.jsonl';

/** Lines that parse; a torn last line was never acknowledged and is dropped. */
const readEnds = (file: string): readonly RunEnd[] =>
  readFileSync(file, 'utf8')
    .split('\n')
    .slice(0, -1)
    .flatMap((line) => {
      try {
        return [JSON.parse(line) as RunEnd];
      } catch {
        return [];
      }
    });

/**
 * Where a worker notes how its runs ended while the ledger is away: one JSONL
 * file per process, fsynced, merged in order once the ledger is back.
 * What a dead process left is adopted by the next one on the host.
 */
export class EndJournal {
  readonly #directory: string;
  readonly #file: string;

  constructor(directory: string, workerId: string) {
    this.#directory = directory;
    this.#file = path.join(directory, `${PREFIX}${process.pid}.${workerId}${SUFFIX}`);
  }

  /** Durable when it returns. Throws when the disk refuses; the run is then made again by another worker. */
  append(end: RunEnd): void {
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    const descriptor = openSync(this.#file, 'a', 0o600);
    try {
      appendFileSync(descriptor, `${JSON.stringify(end)}\n`);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  }

  /**
   * Brings every noted end into the ledger. An end whose lease another worker
   * took meanwhile is void. Answers the ends that are settled; throws
   * `unavailable` while the ledger is away, and keeps the file.
   */
  async merge(database: Database): Promise<readonly RunEnd[]> {
    this.#adopt();
    const ends = this.#read();
    for (const end of ends) {
      try {
        await finishRun(database, end);
      } catch (error) {
        if (hasCode(error, 'unavailable')) throw error;
        // A row that retention removed, say: there is nothing to record it in.
      }
    }
    if (ends.length > 0) this.#truncate();
    return ends;
  }

  #read(): readonly RunEnd[] {
    try {
      return readEnds(this.#file);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  }

  #truncate(): void {
    const descriptor = openSync(this.#file, 'r+');
    try {
      ftruncateSync(descriptor, 0);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  }

  /** A rename succeeds for exactly one of the processes that try it. */
  #adopt(): void {
    let names: string[];
    try {
      names = readdirSync(this.#directory);
    } catch {
      return;
    }
    for (const name of names) {
      // An adopted file whose adopter died half-way carries the adopter's id first.
      const [, pid, rest] = /^(?:adopted-by|run-ends)\.(\d+)\.(.+)\.jsonl$/.exec(name) ?? [];
      if (pid === undefined || rest === undefined) continue;
      if (Number(pid) === process.pid || isProcessAlive(Number(pid))) continue;
      const mine = path.join(this.#directory, `adopted-by.${process.pid}.${rest}${SUFFIX}`);
      try {
        renameSync(path.join(this.#directory, name), mine);
      } catch {
        continue;
      }
      for (const end of readEnds(mine)) this.append(end);
      rmSync(mine);
    }
  }

  close(): void {
    if (this.#read().length === 0) rmSync(this.#file, { force: true });
  }
}
