import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { packageRoot } from '#core/package-root';
import { DATA_GOVERNANCE_POLICY } from './data-governance-policy.ts';
import { loadPolicy } from './policy-files.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'opsloop-policy-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

const load = (text: string) => {
  writeFileSync(path.join(dir, 'data_governance_policy.yml'), text);
  return loadPolicy({ dir, name: 'data_governance_policy', schema: DATA_GOVERNANCE_POLICY });
};

describe('loadPolicy', () => {
  it('reads the policy that comes with the package', async () => {
    const policy = await loadPolicy({
      dir: path.join(packageRoot(), 'config'),
      name: 'data_governance_policy',
      schema: DATA_GOVERNANCE_POLICY,
    });
    expect(policy.retention).toEqual({
      audit_jsonl_days: 30,
      audit_postgres_days: 90,
      audit_parquet_days: 400,
      reports_days: 400,
    });
  });

  it('lists every fault with its place', async () => {
    const file = `${path.basename(dir)}/data_governance_policy.yml`;
    const text =
      'version: 1\nretention:\n  audit_jsonl_days: 0\n  audit_postgress_days: 90\n  audit_parquet_days: "400"\n';
    await expect(load(text)).rejects.toMatchObject({
      code: 'invalid_policy',
      violations: [
        { path: `${file}:2:1`, message: 'retention.audit_postgres_days is required' },
        {
          path: `${file}:4:3`,
          message:
            'retention.audit_postgress_days is not a known key; did you mean audit_postgres_days?',
        },
        { path: `${file}:3:21`, message: 'retention.audit_jsonl_days must be >= 1' },
        { path: `${file}:5:23`, message: 'retention.audit_parquet_days must be of type integer' },
      ],
    });
  });

  it('has no default for a file that is missing, empty or not YAML', async () => {
    const missing = loadPolicy({ dir, name: 'other', schema: DATA_GOVERNANCE_POLICY });
    await expect(missing).rejects.toMatchObject({
      code: 'invalid_policy',
      message: `${path.basename(dir)}/other.yml cannot be read (ENOENT)`,
    });
    await expect(load('')).rejects.toMatchObject({ code: 'invalid_policy' });
    await expect(load('retention: [')).rejects.toMatchObject({ code: 'invalid_policy' });
  });
});
