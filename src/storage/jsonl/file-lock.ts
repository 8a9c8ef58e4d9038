import { type FileHandle, mkdir, open, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { Clock } from '#core/clock';
import { isMissingFile } from '#core/errors';

/** The two calls we use of a package that brings no types. */
interface NativeLocks {
  tryLock(fd: number): boolean;
  unlock(fd: number): void;
}

const require = createRequire(import.meta.url);
const native = require('fs-native-extensions') as NativeLocks;

const FIRST_PAUSE_MS = 1;
const LONGEST_PAUSE_MS = 4;

/**
 * An exclusive lock between processes, and between holders of one process: a
 * lock of the kernel on an open file, which ends with the process however that
 * ended, and holds between containers that share a volume. The file is made
 * when it is missing (0600, its folder 0700) and never removed.
 */
export class FileLock {
  private readonly filePath: string;
  private file: FileHandle | undefined;
  private isHeld = false;
  /** Those of this process who wait for the holder of this process, first come first served. */
  private readonly queue: (() => void)[] = [];

  constructor(filePath: string) {
    this.filePath = filePath;
  }

  /** Answers whether the lock is now held by this object. Rejects when the file cannot be made. */
  async tryAcquire(): Promise<boolean> {
    if (this.isHeld) return false;
    const file = this.file ?? (await this.openFile());
    if (this.isHeld || !native.tryLock(file.fd)) return false;
    this.isHeld = true;
    // Somebody may have removed the file, or its folder, and others lock a new one since.
    if (await this.isInPlace(file)) return true;
    this.release();
    await this.close();
    return this.tryAcquire();
  }

  /**
   * Waits for its turn; answers false once the signal aborted. Holders of one
   * object take turns in the order in which they asked; between processes
   * whoever looks first after a release is next.
   */
  async acquire(clock: Clock, signal?: AbortSignal): Promise<boolean> {
    for (let pauseMs = FIRST_PAUSE_MS; signal?.aborted !== true; ) {
      if (await this.tryAcquire()) return true;
      if (this.isHeld) await this.untilReleased(signal);
      else {
        await clock.sleep(pauseMs, signal);
        pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
      }
    }
    // Its turn is another's now.
    if (!this.isHeld) this.queue.shift()?.();
    return false;
  }

  release(): void {
    if (!this.isHeld || this.file === undefined) return;
    this.isHeld = false;
    native.unlock(this.file.fd);
    this.queue.shift()?.();
  }

  /** Releases the lock and gives the file back. The object can be used again. */
  async close(): Promise<void> {
    const file = this.file;
    this.file = undefined;
    this.isHeld = false;
    await file?.close();
    this.queue.shift()?.();
  }

  private untilReleased(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted === true) {
        resolve();
        return;
      }
      const wake = (): void => {
        signal?.removeEventListener('abort', drop);
        resolve();
      };
      const drop = (): void => {
        this.queue.splice(this.queue.indexOf(wake), 1);
        resolve();
      };
      this.queue.push(wake);
      signal?.addEventListener('abort', drop, { once: true });
    });
  }

  private async openFile(): Promise<FileHandle> {
    const opened = await open(this.filePath, 'a+', 0o600).catch(async (error: unknown) => {
      if (!isMissingFile(error)) throw error;
      await mkdir(path.dirname(this.filePath), { recursive: true, mode: 0o700 });
      return open(this.filePath, 'a+', 0o600);
    });
    if (this.file === undefined) this.file = opened;
    else await opened.close();
    return this.file;
  }

  private async isInPlace(file: FileHandle): Promise<boolean> {
    const own = await file.stat();
    const inPlace = await stat(this.filePath).catch((error: unknown) => {
      if (isMissingFile(error)) return undefined;
      throw error;
    });
    return inPlace !== undefined && inPlace.ino === own.ino && inPlace.dev === own.dev;
  }
}

/**
 * Runs `work` while nobody else holds the lock of that file. Rejects with the
 * signal's reason when it aborts before the lock was had.
 */
export const withFileLock = async <T>(
  filePath: string,
  options: { readonly clock: Clock; readonly signal?: AbortSignal },
  work: () => Promise<T>,
): Promise<T> => {
  const lock = new FileLock(filePath);
  try {
    if (!(await lock.acquire(options.clock, options.signal))) options.signal?.throwIfAborted();
    return await work();
  } finally {
    await lock.close();
  }
};
