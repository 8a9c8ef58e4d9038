import type { Rule } from '../finding.ts';

export const RETENTION_RULES: readonly Rule[] = [
  {
    id: 'DG-RET-001',
    severity: 'warning',
    focus: 'retention',
    title: 'store without retention or clean-up',
    fix: 'Say in the policy how long its records are kept and which task removes them.',
  },
  {
    id: 'DG-RET-002',
    severity: 'warning',
    focus: 'retention',
    title: 'clean-up of a store does not run',
    fix: 'Put the task into the registry, or enable it.',
  },
  {
    id: 'DG-RET-003',
    severity: 'warning',
    focus: 'retention',
    title: 'records older than their retention',
    fix: 'See why the clean-up leaves them: its last runs, a hold, or a directory that is not adopted.',
  },
];
