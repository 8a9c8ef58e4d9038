import type { Rule } from '../finding.ts';

export const AUDIT_RULES: readonly Rule[] = [
  {
    id: 'DG-AUD-001',
    severity: 'warning',
    focus: 'audit',
    title: 'personal data in the metadata of tool calls',
    fix: 'Let the caller send an internal id in this field.',
  },
  {
    id: 'DG-AUD-002',
    severity: 'warning',
    focus: 'audit',
    title: 'unusually large outputs of a tool',
    fix: 'Look at what the calls fetched; bound the answer, or raise the policy if it is meant to be so.',
  },
  {
    id: 'DG-AUD-003',
    severity: 'error',
    focus: 'audit',
    title: 'secret in the metadata of tool calls',
    fix: 'Change the secret, then mend the caller that sends it in this field.',
  },
  {
    id: 'DG-AUD-004',
    severity: 'warning',
    focus: 'audit',
    title: 'spike of denied calls of an agent',
    fix: 'Find out whether the agent lacks an entitlement it should have or tries what it should not.',
  },
];
