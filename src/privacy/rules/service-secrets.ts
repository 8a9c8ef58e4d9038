import path from 'node:path';
import { rules as presetRules } from '@secretlint/secretlint-rule-preset-recommend';
import type { Match, TextSource } from '../text/text-source.ts';

/** Secretlint's rules under ids of ours, which stay when theirs change. */
const RULE_IDS: Readonly<Record<string, string>> = {
  '@secretlint/secretlint-rule-gcp': 'DG-SEC-001',
  '@secretlint/secretlint-rule-aws': 'DG-SEC-002',
  '@secretlint/secretlint-rule-github': 'DG-SEC-003',
  '@secretlint/secretlint-rule-npm': 'DG-SEC-004',
  '@secretlint/secretlint-rule-slack': 'DG-SEC-005',
  '@secretlint/secretlint-rule-sendgrid': 'DG-SEC-006',
  '@secretlint/secretlint-rule-shopify': 'DG-SEC-006',
  '@secretlint/secretlint-rule-openai': 'DG-SEC-007',
  '@secretlint/secretlint-rule-anthropic': 'DG-SEC-007',
  '@secretlint/secretlint-rule-linear': 'DG-SEC-007',
  '@secretlint/secretlint-rule-1password': 'DG-SEC-007',
};

/** Left out: their comments silence findings without a reason, and for the others ours know placeholders. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  '@secretlint/secretlint-rule-filter-comments',
  '@secretlint/secretlint-rule-privatekey',
  '@secretlint/secretlint-rule-basicauth',
  '@secretlint/secretlint-rule-database-connection-string',
]);

/** A kind that a newer preset adds is reported as what it is at least. */
const UNMAPPED = 'DG-SEC-012';

/** What of secretlint's contract its rules use. */
interface ServiceRule {
  readonly meta: { readonly id: string };
  create(
    context: {
      readonly sharedOptions: object;
      createTranslator(messages: unknown): (messageId: string) => object;
      report(descriptor: { readonly range: readonly [number, number] }): void;
      ignore(descriptor: unknown): void;
    },
    options: object,
  ): {
    file?(source: {
      readonly content: string;
      readonly contentType: 'text';
      readonly ext: string;
      readonly filePath: string;
    }): void | Promise<void>;
  };
}

const RULES = (presetRules as unknown as readonly ServiceRule[]).filter(
  ({ meta }) => !LEFT_OUT.has(meta.id),
);

/** Names by which a rule decides whether a file is for it; none of them lets it open one. */
const nameFor = (file: string): string => {
  const name = path.posix.basename(file);
  return /^(?:package\.json|\.npmrc)$|\.json$/.test(name) ? name : 'text';
};

/**
 * Tokens of services as secretlint knows them. Its rules are run without
 * `@secretlint/core`, whose profiler keeps every mark of every file for the
 * life of the process and searches them all at each new one (8,600 files took
 * 400 s instead of 5). Of what a rule says only the place is used: its
 * messages quote the secret.
 */
export const matchServiceSecrets = async (source: TextSource): Promise<readonly Match[]> => {
  const found: Match[] = [];
  const filePath = nameFor(source.path);
  const content = {
    content: source.text,
    contentType: 'text',
    ext: path.extname(filePath),
    filePath,
  } as const;
  for (const rule of RULES) {
    const handlers = rule.create(
      {
        sharedOptions: {},
        createTranslator: () => (messageId) => ({ messageId }),
        report: ({ range: [start, end] }) => {
          found.push({ rule: RULE_IDS[rule.meta.id] ?? UNMAPPED, start, end });
        },
        ignore: () => undefined,
      },
      {},
    );
    await handlers.file?.(content);
  }
  return found;
};
