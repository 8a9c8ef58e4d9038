import type { Rule } from '../finding.ts';
import { AUDIT_RULES } from './audit-rules.ts';
import { EMAIL_RULE } from './email.ts';
import { LOGGING_RULES } from './logging-rules.ts';
import { NATIONAL_ID_RULE } from './national-id.ts';
import { PAYMENT_CARD_RULE } from './payment-card.ts';
import { PHONE_NUMBER_RULE } from './phone-number.ts';
import { RETENTION_RULES } from './retention-rules.ts';
import { SECRET_RULES } from './secret-rules.ts';

/** Every rule there is, in order of ids within its family. */
export const RULES: readonly Rule[] = [
  EMAIL_RULE,
  PHONE_NUMBER_RULE,
  PAYMENT_CARD_RULE,
  NATIONAL_ID_RULE,
  ...SECRET_RULES,
  ...LOGGING_RULES,
  ...RETENTION_RULES,
  ...AUDIT_RULES,
];

const byId = new Map(RULES.map((rule) => [rule.id, rule]));

/** Throws for an id that no rule has: matchers and catalogue are written together. */
export const getRule = (id: string): Rule => {
  const rule = byId.get(id);
  if (rule === undefined) throw new Error(`there is no rule ${id}`);
  return rule;
};

const FOCUS_NAMES: Readonly<Record<Rule['focus'], string>> = {
  pii: 'personal data',
  secrets: 'secrets',
  logging: 'logging',
  retention: 'retention',
  audit: 'audit trail',
};

/** `docs/reference/privacy-rules.md`, made by `npm run docs`. */
export const renderRuleReference = (): string =>
  [
    '# Privacy rules',
    '',
    'Made by `npm run docs` from `src/privacy/rules`; do not edit.',
    'What each means in practice stands in [the runbook](../runbooks/privacy.md).',
    '',
    '| id | severity | about | what was found | what to do |',
    '|---|---|---|---|---|',
    ...RULES.map(
      ({ id, severity, focus, title, fix }) =>
        `| ${id} | ${severity} | ${FOCUS_NAMES[focus]} | ${title} | ${fix} |`,
    ),
    '',
  ].join('\n');
