import { MAX_CANDIDATES, type Match, type TextSource } from '../text/text-source.ts';

/** A table or a directory of growing records that a text of the repository declares. */
export interface StoreDeclaration extends Match {
  /** The table's name without its schema, or the directory's path. */
  readonly label: string;
  readonly kind: 'table' | 'directory';
}

export interface StoreFacts {
  readonly declared: readonly StoreDeclaration[];
  /** Tables that something deletes from. */
  readonly emptied: readonly string[];
}

const RULE = 'DG-RET-001';
const CREATE_TABLE =
  /(?<!\w)create\s{1,4}(?:unlogged\s{1,4}|foreign\s{1,4})?table\s{1,4}(?:if\s{1,4}not\s{1,4}exists\s{1,4})?["`[]?(?<name>[a-z_][\w.]{0,100})["`\]]?\s{0,4}\(/gi;
/** A table without a time is not of records that grow old. */
const TIME_COLUMN = /\b(?:timestamptz?|datetime2?|timestamp with|date)\b/i;
const MAX_STATEMENT = 4_000;

const EMPTIED =
  /(?<!\w)(?:delete\s{1,4}from|truncate(?:\s{1,4}table)?|drop\s{1,4}table(?:\s{1,4}if\s{1,4}exists)?)\s{1,4}(?:only\s{1,4})?["`[]?(?<name>[a-z_][\w.]{0,100})/gi;

const DIRECTORY =
  /^[ \t-]{0,40}(?:export\s)?["']?(?<key>[\w.-]{0,40}(?:log|audit|archive|backup|upload|dump|spool|recording|trace)s?[._-]?(?:dir|directory|folder|path))["']?[ \t]{0,4}[:=][ \t]{0,4}["']?(?<name>[\w./~${}:-]{2,200})/gim;
const KEPT =
  /retention|max[._-]?age|keep[._-]|[._-]ttl|rotat|expire|max[._-]?(?:files|size|backups|days)|clean[._-]?up|prune/i;

const bare = (name: string): string => (name.split('.').at(-1) ?? name).toLowerCase();

const declaredTables = ({ text }: TextSource): readonly StoreDeclaration[] => {
  const found: StoreDeclaration[] = [];
  for (const match of text.matchAll(CREATE_TABLE)) {
    if (found.length >= MAX_CANDIDATES) break;
    const start = match.index;
    const end = start + match[0].length;
    const [statement = ''] = text.slice(end, end + MAX_STATEMENT).split(';', 1);
    if (!TIME_COLUMN.test(statement)) continue;
    found.push({
      rule: RULE,
      start,
      end,
      kind: 'table',
      label: bare(match.groups?.['name'] ?? ''),
    });
  }
  return found;
};

const declaredDirectories = ({ text, kind }: TextSource): readonly StoreDeclaration[] => {
  if (kind !== 'settings' || KEPT.test(text)) return [];
  return [...text.matchAll(DIRECTORY)].slice(0, MAX_CANDIDATES).map((match) => ({
    rule: RULE,
    start: match.index,
    end: match.index + match[0].length,
    kind: 'directory' as const,
    label: (match.groups?.['name'] ?? '').replace(/^\.\//, '').replace(/\/+$/, ''),
  }));
};

/** What one text says about stores; only all texts together tell which of them nothing cleans. */
export const readStoreFacts = (source: TextSource): StoreFacts =>
  source.isTest
    ? { declared: [], emptied: [] }
    : {
        declared: [...declaredTables(source), ...declaredDirectories(source)],
        emptied: [...source.text.matchAll(EMPTIED)]
          .slice(0, MAX_CANDIDATES)
          .map((match) => bare(match.groups?.['name'] ?? '')),
      };
