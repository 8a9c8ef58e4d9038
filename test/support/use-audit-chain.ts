import { rm } from 'node:fs/promises';
import { afterEach, beforeEach } from 'vitest';
import { AuditChainWorld, openAuditChainWorld } from './audit-chain-world.ts';

/** A world of its own for each test of a file. */
export const useAuditChain = (): { readonly world: AuditChainWorld } => {
  const held: { world: AuditChainWorld } = { world: new AuditChainWorld('') };
  beforeEach(async () => {
    held.world = await openAuditChainWorld();
  });
  afterEach(() => rm(held.world.root, { recursive: true, force: true }));
  return held;
};
