import { expect, it } from 'vitest';
import { createMemoryAuditStore } from '#audit/backends/memory-audit-store';
import { probeAudit } from './readiness.ts';

it('tells how the audit trail is, as its store says', () => {
  const audit = createMemoryAuditStore();
  expect(probeAudit(audit)).toEqual({
    name: 'audit',
    ok: true,
    detail: `memory: ${audit.health().detail}`,
  });
  const full = { ...audit, health: () => ({ ...audit.health(), ok: false, detail: 'disk full' }) };
  expect(probeAudit(full)).toMatchObject({ ok: false, detail: 'memory: disk full' });
});
