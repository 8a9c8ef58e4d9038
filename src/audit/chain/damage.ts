/** What is wrong, in one word that an operator can search for. */
export type DamageKind =
  | 'altered'
  | 'lost'
  | 'inserted'
  | 'reordered'
  | 'truncated'
  | 'digest missing'
  | 'signature wrong'
  | 'chain broken'
  | 'key missing'
  | 'anchor missing';

export interface Damage {
  /** The day it is about; the first of several. */
  readonly day: string;
  readonly kind: DamageKind;
  /** File, relative to the audit directory, or table. */
  readonly place: string;
  /** Lines or rows, where it can be told. */
  readonly range: string | null;
  /** One sentence. */
  readonly detail: string;
}

/** Events that no digest covers yet: not damage. */
export interface Uncovered {
  readonly day: string;
  readonly events: number;
  readonly why: 'not closed yet' | 'stored after its day was closed' | 'removal not finished';
}

export const byDay = <T extends { readonly day: string }>(items: readonly T[]): readonly T[] =>
  [...items].sort((a, b) => (a.day < b.day ? -1 : a.day > b.day ? 1 : 0));

/** `2026-11-04: altered, tool_audit_2026-11-04.jsonl lines 1001-2000: …` */
export const damageLine = ({ day, kind, place, range, detail }: Damage): string =>
  `${day}: ${kind}, ${place}${range === null ? '' : ` ${range}`}: ${detail}`;
