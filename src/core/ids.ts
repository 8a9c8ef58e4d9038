import { createHash } from 'node:crypto';
import { ulid } from 'ulid';
import { canonicalJson } from './json.ts';

export type TaskId = string & { readonly __brand: 'TaskId' };
export type RunId = string & { readonly __brand: 'RunId' };
export type BackfillId = string & { readonly __brand: 'BackfillId' };

/** `run_` and a ULID of the given instant: sorts by time, 80 random bits. */
export const newRunId = (now: Date): RunId => `run_${ulid(now.getTime())}` as RunId;

/** `backfill_` and a ULID. */
export const newBackfillId = (now: Date): BackfillId =>
  `backfill_${ulid(now.getTime())}` as BackfillId;

export const isRunId = (text: string): text is RunId =>
  /^run_[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(text);

/** SHA-256 of the inputs' canonical JSON, in hex. */
export const inputsHash = (inputs: unknown): string =>
  createHash('sha256').update(canonicalJson(inputs)).digest('hex');
