import type { AuditDataQuality } from '#audit/audit-store';
import { type Finding, sortFindings } from '../finding.ts';
import type { PrivacyPolicy } from '../privacy-policy.ts';
import { createTextMatcher } from '../text/match-text.ts';
import { type DataAccess, findDataAccess } from './data-access.ts';
import { type AuditEventSource, readEventPages, type ScanWindow } from './event-source.ts';
import { MetadataFindings } from './metadata-findings.ts';
import { SafeNames } from './safe-names.ts';
import { ToolTraffic } from './tool-traffic.ts';
import {
  type DeniedSpike,
  deniedSpikeFinding,
  findDeniedSpikes,
  findLargeOutputs,
  type LargeOutput,
  LargestOutputs,
  largeOutputFinding,
} from './traffic-findings.ts';

export interface AuditScan {
  readonly window: ScanWindow;
  readonly quality: AuditDataQuality;
  readonly events: number;
  readonly denied: number;
  readonly outBytes: number;
  /** More events are in the window than the policy lets one scan read. */
  readonly isTruncated: boolean;
  readonly findings: readonly Finding[];
  readonly largeOutputs: readonly LargeOutput[];
  readonly deniedSpikes: readonly DeniedSpike[];
  readonly access: DataAccess;
  readonly hourly: ReturnType<ToolTraffic['hourly']>;
}

export interface AuditScanRequest {
  readonly window: ScanWindow;
  readonly policy: PrivacyPolicy;
  readonly signal: AbortSignal;
}

/** Judges the events of a window: what their metadata gives away, and which calls stand out. */
export const scanAudit = async (
  source: AuditEventSource,
  { window, policy, signal }: AuditScanRequest,
): Promise<AuditScan> => {
  const names = new SafeNames();
  const matchText = createTextMatcher({
    focus: new Set(['pii', 'secrets']),
    phoneCountries: policy.repoScan.phoneCountries,
  });
  const metadata = new MetadataFindings(matchText, names);
  const traffic = new ToolTraffic(window);
  const largest = new LargestOutputs();
  const { quality, events, isTruncated } = await readEventPages(source, {
    window,
    maxEvents: policy.auditScan.maxEvents,
    signal,
    onPage: async (page) => {
      await metadata.add(page);
      for (const event of page) {
        traffic.add(event);
        largest.add(event);
      }
    },
  });
  const largeOutputs = findLargeOutputs(traffic, largest, policy.auditScan, names);
  const deniedSpikes = findDeniedSpikes(traffic, policy.auditScan, names);
  const pairs = traffic.allPairs();
  return {
    window,
    quality,
    events,
    denied: pairs.reduce((sum, pair) => sum + pair.denied, 0),
    outBytes: pairs.reduce((sum, pair) => sum + pair.outBytes, 0),
    isTruncated,
    findings: sortFindings([
      ...metadata.findings(),
      ...largeOutputs.map(largeOutputFinding),
      ...deniedSpikes.map(deniedSpikeFinding),
    ]),
    largeOutputs,
    deniedSpikes,
    access: findDataAccess(traffic, policy.dataHeavy, names),
    hourly: traffic.hourly(),
  };
};
