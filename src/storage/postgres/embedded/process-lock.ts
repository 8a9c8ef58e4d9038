import { mkdirSync, readdirSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { hasSystemCode } from '#core/errors';
import {
  currentProcess,
  formatIdentity,
  isRunning,
  type ProcessIdentity,
  parseIdentity,
} from './process-identity.ts';

/**
 * A lock between processes of one machine that the death of its holder frees.
 *
 * Each holder takes the next number: `owner.7` is a symbolic link whose target
 * names the process, because making a link is atomic, exclusive and carries its
 * content. The greatest number is in force and is never removed, so nobody who
 * was slow can take away a lock that was taken meanwhile; breaking a dead
 * holder's lock is simply being first with the next number.
 */
export interface ProcessLock {
  /** Idempotent. */
  release(): void;
}

const RELEASED = 'released';

const generationsOf = (directory: string, name: string): readonly number[] =>
  readdirSync(directory)
    .filter((file) => file.startsWith(`${name}.`))
    .map((file) => Number(file.slice(name.length + 1)))
    .filter((generation) => Number.isSafeInteger(generation))
    .sort((a, b) => b - a);

const readTarget = (link: string): string | null => {
  try {
    return readlinkSync(link);
  } catch (error) {
    if (hasSystemCode(error, 'ENOENT')) return null;
    throw error;
  }
};

const tryLink = (target: string, link: string): boolean => {
  try {
    symlinkSync(target, link);
    return true;
  } catch (error) {
    if (hasSystemCode(error, 'EEXIST')) return false;
    throw error;
  }
};

const livingHolder = (target: string): ProcessIdentity | null => {
  const holder = target === RELEASED ? null : parseIdentity(target);
  return holder !== null && isRunning(holder) ? holder : null;
};

/** The living process that holds the lock, or null. Takes nothing and makes nothing. */
export const findLockHolder = (directory: string, name: string): ProcessIdentity | null => {
  try {
    const [latest] = generationsOf(directory, name);
    const target =
      latest === undefined ? null : readTarget(path.join(directory, `${name}.${latest}`));
    return target === null ? null : livingHolder(target);
  } catch (error) {
    if (hasSystemCode(error, 'ENOENT')) return null;
    throw error;
  }
};

/** Answers the lock, or the living process that holds it. Never waits. */
export const tryProcessLock = (
  directory: string,
  name: string,
): { readonly lock: ProcessLock } | { readonly holder: ProcessIdentity } => {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const linkOf = (generation: number): string => path.join(directory, `${name}.${generation}`);
  for (;;) {
    const [latest = 0] = generationsOf(directory, name);
    if (latest > 0) {
      const target = readTarget(linkOf(latest));
      if (target === null) continue;
      const holder = livingHolder(target);
      if (holder !== null) return { holder };
    }
    const mine = latest + 1;
    if (!tryLink(formatIdentity(currentProcess()), linkOf(mine))) continue;
    const generations = generationsOf(directory, name);
    if (generations[0] !== mine) {
      // Others came and went since the directory was read; this number is of the past.
      rmSync(linkOf(mine), { force: true });
      continue;
    }
    for (const older of generations.slice(1)) rmSync(linkOf(older), { force: true });
    return { lock: heldLock(linkOf(mine), linkOf(mine + 1)) };
  }
};

const heldLock = (own: string, next: string): ProcessLock => {
  let isHeld = true;
  return {
    release() {
      if (!isHeld) return;
      isHeld = false;
      tryLink(RELEASED, next);
      rmSync(own, { force: true });
    },
  };
};
