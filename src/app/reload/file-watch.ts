import { type FSWatcher, watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '#core/clock';
import type { Service } from '#core/service';

/** A file is told about once it was left alone for so long: who writes it may do so in steps. */
const SETTLE_MS = 200;
/** How often the file is looked at without being told of anything. */
const POLL_EVERY_MS = 5_000;

export interface FileWatchOptions {
  readonly file: string;
  readonly clock: Clock;
  /** The file was written, replaced, removed or touched, and has settled. */
  readonly onChange: () => void;
  /** The folder cannot be watched; changes are found within `POLL_EVERY_MS` all the same. */
  readonly onUnwatched: (error: unknown) => void;
}

/** What changes whenever the file does; symbolic links are followed. */
const fingerprintOf = async (file: string): Promise<string> => {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
  } catch {
    // Not there or not to be read: whoever reads it finds out which.
    return 'none';
  }
};

/**
 * Tells when a file changes, however that is done: written in place, replaced
 * by a rename as editors do, or by a symbolic link beside it that is pointed
 * elsewhere, as a ConfigMap's is. So its folder is watched; and since
 * notifications get lost (network folders, a link to a file elsewhere, a folder
 * that was itself replaced), the file is looked at now and then as well.
 */
export class FileWatch implements Service {
  readonly name = 'file watch';
  readonly #options: FileWatchOptions;
  #watcher: FSWatcher | undefined;
  #seen = 'none';
  #looking: Promise<void> = Promise.resolve();
  #isLookWaiting = false;
  #settling = new AbortController();
  #stopPolling = (): void => undefined;
  #isStopped = false;

  constructor(options: FileWatchOptions) {
    this.#options = options;
  }

  /** Changes are told that come after this has resolved. */
  async start(): Promise<void> {
    const { file, clock } = this.#options;
    this.#watchFolder();
    this.#seen = await fingerprintOf(file);
    if (this.#isStopped) return;
    this.#stopPolling = clock.every(POLL_EVERY_MS, () => this.#lookSoon('poll'));
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#settling.abort();
    this.#stopPolling();
    this.#watcher?.close();
    await this.#looking;
  }

  #watchFolder(): void {
    const { file, onUnwatched } = this.#options;
    this.#watcher?.close();
    this.#watcher = undefined;
    if (this.#isStopped) return;
    const giveUp = (error: unknown): void => {
      this.#watcher?.close();
      this.#watcher = undefined;
      onUnwatched(error);
    };
    try {
      // Whichever name is told: of a link that is swapped it is another than the file's.
      this.#watcher = watch(path.dirname(file), { persistent: false }, () =>
        this.#lookSoon('notification'),
      ).on('error', giveUp);
    } catch (error) {
      giveUp(error);
    }
  }

  /** One look at a time and one that waits, however busy the folder is. */
  #lookSoon(cause: 'notification' | 'poll'): void {
    if (this.#isLookWaiting) return;
    this.#isLookWaiting = true;
    this.#looking = this.#looking.then(() => this.#look(cause));
  }

  async #look(cause: 'notification' | 'poll'): Promise<void> {
    this.#isLookWaiting = false;
    const found = await fingerprintOf(this.#options.file);
    if (this.#isStopped || found === this.#seen) return;
    this.#seen = found;
    this.#settle();
    // The notification did not come: the folder may be another one by now.
    if (cause === 'poll') this.#watchFolder();
  }

  #settle(): void {
    const { clock, onChange } = this.#options;
    this.#settling.abort();
    const settling = new AbortController();
    this.#settling = settling;
    void clock.sleep(SETTLE_MS, settling.signal).then(() => {
      if (!settling.signal.aborted) onChange();
    });
  }
}
