import { countFindings, type Finding, type FindingCounts } from './finding.ts';
import type { PrivacyPolicy } from './privacy-policy.ts';

export interface GateAnswer {
  readonly gate: 'privacy';
  readonly mode: PrivacyPolicy['gate']['mode'];
  readonly block_on: PrivacyPolicy['gate']['blockOn'];
  readonly pass: boolean;
  readonly findings: FindingCounts;
  /** Those of the severity that blocks, also in a mode that lets them pass. */
  readonly blocking: readonly Finding[];
}

const MAX_BLOCKING = 50;

/** Whether a deployment may go on: `strict` fails on findings of the policy's severity or worse, the other modes pass. */
export const decideGate = (
  findings: readonly Finding[],
  rule: PrivacyPolicy['gate'],
): GateAnswer => {
  const blocking = findings.filter(
    ({ severity }) =>
      severity === 'error' || (rule.blockOn === 'warning' && severity === 'warning'),
  );
  return {
    gate: 'privacy',
    mode: rule.mode,
    block_on: rule.blockOn,
    pass: rule.mode !== 'strict' || blocking.length === 0,
    findings: countFindings(findings),
    blocking: rule.mode === 'off' ? [] : blocking.slice(0, MAX_BLOCKING),
  };
};
