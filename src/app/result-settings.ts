import type { Settings } from '#config/settings';
import type { JsonObject } from '#core/json';
import type { WorkerRecord } from '#runner/ledger/workers';

/** The settings on which a run's result depends, by the name of their variable. No secrets. */
export const resultSettings = (settings: Settings): JsonObject => ({
  AUDIT_BACKEND: settings.audit.backend,
  AUDIT_JSONL_DIR: settings.audit.jsonlDir,
  OPSLOOP_POLICY_DIR: settings.policyDir,
  OPSLOOP_REGISTRY: settings.registryFile,
  REPO_ROOT: settings.repoRoot,
});

/** Names of the variables in which none of the workers agrees with this process. */
export const differingSettings = (
  own: JsonObject,
  workers: readonly WorkerRecord[],
): readonly string[] =>
  Object.keys(own).filter((name) => workers.every(({ settings }) => settings[name] !== own[name]));
