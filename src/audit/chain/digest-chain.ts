import path from 'node:path';
import type { Clock } from '#core/clock';
import type { FileEffects } from '#core/effects';
import { AppError } from '#core/errors';
import { AUDIT_MARKER, isAdopted, MARKER_TEXT } from '../files/audit-directory.ts';
import { anchorText } from './chain-anchor.ts';
import { anchorFileOf, type ChainPlace, digestName, digestsOf, keysOf } from './chain-place.ts';
import type { Damage } from './damage.ts';
import type { DayLedger } from './day-ledger.ts';
import {
  type DigestRecord,
  type RecordBody,
  recordText,
  sha256Of,
  type UnsignedRecord,
} from './digest-record.ts';
import { inspectChain } from './inspect-chain.ts';
import { readChain } from './read-chain.ts';
import { KEY_FILE, newSigningKey, type SigningKey } from './signing-key.ts';

interface Head {
  readonly seq: number;
  readonly sha256: string;
}

/**
 * A chain that is being added to. Everything goes through the run's effects, so
 * a dry-run's chain grows in memory alone. Whoever appends holds the chain's
 * lock; one crash leaves at most a digest that the anchor does not know yet,
 * which the next one follows.
 */
export class DigestChain {
  readonly ledger: DayLedger;
  /** Of the chain itself, as it was found. */
  readonly damages: readonly Damage[];
  /** Why nothing may be added, or null. */
  readonly closedBecause: string | null;
  readonly #place: ChainPlace;
  readonly #files: FileEffects;
  readonly #clock: Clock;
  #key: SigningKey | undefined;
  #head: Head | undefined;
  #hasFailed = false;
  #isMarked = false;

  private constructor(options: {
    readonly place: ChainPlace;
    readonly files: FileEffects;
    readonly clock: Clock;
    readonly key: SigningKey | undefined;
    readonly found: ReturnType<typeof inspectChain>;
  }) {
    const { found } = options;
    this.#place = options.place;
    this.#files = options.files;
    this.#clock = options.clock;
    this.#key = options.key;
    this.#head = found.head;
    this.ledger = found.ledger;
    this.damages = found.damages;
    this.closedBecause = found.closedBecause;
  }

  static async open(
    place: ChainPlace,
    { files, clock }: { readonly files: FileEffects; readonly clock: Clock },
  ): Promise<DigestChain> {
    const chain = await readChain(place);
    const found = inspectChain(chain, place.source);
    return new DigestChain({ place, files, clock, key: chain.key, found });
  }

  /**
   * Writes the next digest, then the anchor. Throws `conflict` when the chain's
   * end is damaged, and after a write that failed: what then lies on the disk
   * is for the next one to look at who opens the chain.
   */
  async append(body: RecordBody): Promise<DigestRecord> {
    if (this.#hasFailed)
      throw new AppError(
        'unavailable',
        'an earlier digest could not be written; nothing more is added to the audit chain now',
      );
    try {
      return await this.#append(body);
    } catch (error) {
      this.#hasFailed = true;
      throw error;
    }
  }

  async #append(body: RecordBody): Promise<DigestRecord> {
    if (this.closedBecause !== null)
      throw new AppError(
        'conflict',
        `nothing can be added to the audit chain of ${this.#place.source}: ${this.closedBecause}; "opsloop audit verify" tells more`,
      );
    await this.#ensureMarker();
    const key = await this.#ensureKey();
    const unsigned: UnsignedRecord = {
      ...body,
      version: 1,
      source: this.#place.source,
      seq: (this.#head?.seq ?? 0) + 1,
      previous_sha256: this.#head?.sha256 ?? null,
      created_at: this.#clock.now().toISOString(),
      key_fingerprint: key.fingerprint,
    };
    const record = key.sign(unsigned);
    const text = recordText(record);
    const lateNumber = this.ledger.of(record.day).lateDigests + 1;
    const file = path.join(digestsOf(this.#place), digestName(record, lateNumber));
    await this.#files.write('write_file', file, text, 'private');
    this.#head = { seq: record.seq, sha256: sha256Of(text) };
    this.ledger.add(record);
    await this.#writeAnchor(record, this.#head);
    return record;
  }

  /** A directory that digests were the first to be written to is ours all the same. */
  async #ensureMarker(): Promise<void> {
    const { auditDirectory } = this.#place;
    if (this.#isMarked || (await isAdopted(auditDirectory))) return;
    const marker = path.join(auditDirectory, AUDIT_MARKER);
    await this.#files.write('write_file', marker, MARKER_TEXT, 'private');
    this.#isMarked = true;
  }

  async #ensureKey(): Promise<SigningKey> {
    if (this.#key !== undefined) return this.#key;
    const made = newSigningKey();
    const file = path.join(keysOf(this.#place), KEY_FILE);
    await this.#files.write('write_file', file, made.pem, 'private');
    this.#key = made.key;
    return made.key;
  }

  async #writeAnchor(record: DigestRecord, { seq, sha256 }: Head): Promise<void> {
    const { firstDay, lastDay } = this.ledger;
    const text = anchorText({
      version: 1,
      seq,
      sha256,
      first_day: firstDay ?? record.day,
      last_day: lastDay ?? record.day,
    });
    await this.#files.write('write_file', anchorFileOf(this.#place), text, 'private');
  }
}
