import { createHash } from 'node:crypto';
import { canonicalJson } from '#core/json';
import type { Principal } from '../access/principal.ts';

/** What the audit event of a call says, as far as it is known by now. */
export interface CallFacts {
  /** A tool's own name, whichever alias was called. */
  readonly tool: string;
  readonly action: string;
  /** `key:<id>`, or `board:<id>` for a person in a browser; null until the sender has proved who it is. */
  readonly userId: string | null;
  readonly agentId: string;
  readonly workspaceId: string;
  /** Characters of the canonical params, as they were sent. */
  readonly inSize: number;
  /** SHA-256 of the canonical params without their secrets, in hex; empty where none were read. */
  readonly inputHash: string;
  readonly graphRunId: string | null;
  readonly graphNode: string | null;
  /** The run that the call started. */
  readonly jobId: string | null;
}

export interface CallName {
  readonly tool: string;
  readonly action: string;
}

/** Stands for a tool or action that was not read or does not exist. */
export const UNKNOWN = 'unknown';
/** The agent of a call for which the key speaks itself. */
export const NO_AGENT = 'none';
/** User and agent of a call whose sender proved nothing. */
export const ANONYMOUS = 'anonymous';
/** The workspace of a call that names none. */
const DEFAULT_WORKSPACE = 'default';

// Few digits, so that no key pasted into the wrong place passes for a name.
const NAME = /^(?!(?:.*\d){5})[a-z][a-z0-9_]{0,47}$/;

/** A name that somebody sent, or `unknown` where it does not look like one: the trail keeps no payload. */
export const nameInTrail = (sent: unknown): string =>
  typeof sent === 'string' && NAME.test(sent) ? sent : UNKNOWN;

/** Collects the facts of one call while it passes through transport and pipeline. */
export class CallRecord {
  /** Set once the call may change something: its answer then waits for its event. */
  isChange = false;
  #facts: CallFacts;

  constructor(name: CallName) {
    this.#facts = {
      ...name,
      userId: null,
      agentId: NO_AGENT,
      workspaceId: DEFAULT_WORKSPACE,
      inSize: 0,
      inputHash: '',
      graphRunId: null,
      graphNode: null,
      jobId: null,
    };
  }

  get facts(): CallFacts {
    return this.#facts;
  }

  note(known: Partial<CallFacts>): void {
    this.#facts = { ...this.#facts, ...known };
  }

  noteSender(via: Principal['via'], keyId: string): void {
    this.note({ userId: `${via === 'session' ? 'board' : 'key'}:${keyId}` });
  }

  notePrincipal(principal: Principal): void {
    this.noteSender(principal.via, principal.keyId);
    this.note({
      agentId: principal.agentId ?? NO_AGENT,
      workspaceId: principal.workspaceId ?? DEFAULT_WORKSPACE,
    });
  }

  /** Keeps size and hash of the params; the params themselves are not kept. */
  noteInput(sent: unknown, redacted: unknown): void {
    if (sent === undefined) return;
    this.note({
      inSize: canonicalJson(sent).length,
      inputHash: createHash('sha256').update(canonicalJson(redacted)).digest('hex'),
    });
  }
}
