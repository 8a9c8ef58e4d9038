import type { DataGovernancePolicy } from '#config/data-governance-policy';
import type { CostWeights } from '#finops/cost-weights';

/**
 * The policy files by name. A missing or broken file throws
 * `invalid_policy` with file and line; there is no silent default.
 */
export interface PolicyCatalog {
  readonly cost_weights: CostWeights;
  readonly data_governance_policy: DataGovernancePolicy;
}

export interface Policies {
  load<Name extends keyof PolicyCatalog>(name: Name): Promise<PolicyCatalog[Name]>;
}
