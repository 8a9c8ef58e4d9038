import { describe, expect, it } from 'vitest';
import { AppError } from '#core/errors';
import { registryDigest } from '#registry/declaration';
import type { ReconcilePolicy } from '#registry/task';
import type { Revision } from '#runner/ledger/occurrence-ledger';
import { LiveCatalog } from '#runner/live-catalog';
import { declareRegistry } from '#runner/schedule/declare-tasks';
import { createTaskCatalog, type TaskCatalog } from '#runner/task-catalog';
import { testJobs, testRegistry } from '#test/support/test-tasks';
import { AppliedElsewhere } from './applied-elsewhere.ts';

const catalogOf = (reconcile: ReconcilePolicy): TaskCatalog =>
  createTaskCatalog({ ...testRegistry(), reconcile }, testJobs());

const appliedAs = (revision: number, catalog: TaskCatalog): Revision => ({
  revision,
  digest: registryDigest([...declareRegistry(catalog).declarations.values()], catalog.reconcile),
  reconcile: catalog.reconcile,
  appliedAt: new Date('2024-02-29T09:00:00Z'),
  appliedBy: 'start:other',
});

describe('a registry that another host applied', () => {
  const own = catalogOf('enforce');
  const other = catalogOf('warn');
  const open = () => {
    const found: Revision[] = [];
    let inForce: () => Revision | null = () => null;
    const catalog = new LiveCatalog(own);
    const elsewhere = new AppliedElsewhere({
      ledger: { findRevision: async () => inForce() },
      catalog,
      onFound: (revision) => found.push(revision),
    });
    const checkWhile = async (next: () => Revision | null): Promise<readonly number[]> => {
      inForce = next;
      await elsewhere.check();
      return found.map(({ revision }) => revision);
    };
    return { catalog, checkWhile };
  };

  it('is told once, and again when yet another is applied', async () => {
    const { checkWhile } = open();
    expect(await checkWhile(() => null)).toEqual([]);
    expect(await checkWhile(() => appliedAs(1, own))).toEqual([]);
    expect(await checkWhile(() => appliedAs(2, other))).toEqual([2]);
    expect(await checkWhile(() => appliedAs(2, other))).toEqual([2]);
    expect(await checkWhile(() => appliedAs(3, own))).toEqual([2]);
    expect(await checkWhile(() => appliedAs(4, other))).toEqual([2, 4]);
  });

  it('is compared with what this process works with at that moment', async () => {
    const { catalog, checkWhile } = open();
    expect(await checkWhile(() => appliedAs(1, own))).toEqual([]);
    catalog.replace(other);
    expect(await checkWhile(() => appliedAs(2, other))).toEqual([]);
    expect(await checkWhile(() => appliedAs(3, own))).toEqual([3]);
  });

  it('is not looked for while the ledger is away', async () => {
    const { checkWhile } = open();
    const away = (): never => {
      throw new AppError('unavailable', 'PostgreSQL is not available');
    };
    expect(await checkWhile(away)).toEqual([]);
    await expect(
      checkWhile(() => {
        throw new Error('a fault');
      }),
    ).rejects.toThrow('a fault');
  });
});
