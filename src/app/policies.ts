import { DATA_GOVERNANCE_POLICY } from '#config/data-governance-policy';
import { loadPolicy } from '#config/policy-files';
import { COST_WEIGHTS } from '#finops/cost-weights';
import type { Policies, PolicyCatalog } from '#job-kit/policies';

type Loaders = {
  readonly [Name in keyof PolicyCatalog]: (dir: string) => Promise<PolicyCatalog[Name]>;
};

const LOADERS: Loaders = {
  cost_weights: (dir) => loadPolicy({ dir, name: 'cost_weights', schema: COST_WEIGHTS }),
  data_governance_policy: (dir) =>
    loadPolicy({ dir, name: 'data_governance_policy', schema: DATA_GOVERNANCE_POLICY }),
};

/** Policies are read at each run, so that a changed file counts from the next run on. */
export const createPolicies = (policyDir: string): Policies => ({
  load: (name) => LOADERS[name](policyDir),
});
