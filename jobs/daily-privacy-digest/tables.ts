import type { PrivacyDigest } from '#privacy/digest/privacy-digest';
import type { Finding } from '#privacy/finding';
import {
  type Column,
  escapeMarkdown,
  formatInstant,
  formatNumber,
  markdownTable,
} from '#reports/markdown';
import { bytes, placeWords } from './wording.ts';

/** Rows of a table; the JSON has more. */
const ROWS_SHOWN = 20;

const left = (title: string): Column => ({ title, align: 'left' });
const right = (title: string): Column => ({ title, align: 'right' });

const remainder = (count: number): readonly string[] =>
  count > ROWS_SHOWN ? [`${formatNumber(count - ROWS_SHOWN)} more in the JSON report.`] : [];

export const findingsTable = (findings: readonly Finding[], count: number): string =>
  [
    markdownTable(
      [left('Severity'), left('Rule'), left('What'), left('Where'), left('Sample'), right('Times')],
      findings
        .slice(0, ROWS_SHOWN)
        .map((finding) => [
          finding.severity === 'error' ? '**error**' : finding.severity,
          finding.rule,
          finding.title,
          placeWords(finding.place),
          finding.sample === '' ? '' : escapeMarkdown(finding.sample),
          formatNumber(finding.count),
        ]),
    ),
    ...remainder(count),
  ].join('\n\n');

export const fixedTable = ({ findings, totals }: PrivacyDigest): string =>
  [
    markdownTable(
      [left('Rule'), left('Where'), left('First seen')],
      findings.fixed
        .slice(0, ROWS_SHOWN)
        .map(({ rule, place, first_seen_at }) => [
          rule,
          escapeMarkdown(place),
          formatInstant(first_seen_at),
        ]),
    ),
    ...remainder(totals.fixed),
  ].join('\n\n');

export const largeOutputsTable = ({ audit }: PrivacyDigest): string =>
  markdownTable(
    [
      left('Tool'),
      right('Calls'),
      right('Above'),
      right('Median'),
      right('Largest'),
      left('By'),
      left('At'),
    ],
    audit.anomalies.large_outputs
      .slice(0, ROWS_SHOWN)
      .map((row) => [
        escapeMarkdown(row.tool),
        formatNumber(row.calls),
        bytes(row.threshold_bytes),
        bytes(row.median_bytes),
        bytes(row.largest_bytes),
        escapeMarkdown(row.event.agent_id),
        formatInstant(row.event.ts),
      ]),
  );

export const deniedTable = ({ audit }: PrivacyDigest): string =>
  markdownTable(
    [left('Agent'), left('Hour'), right('Denied'), right('Median hour')],
    audit.anomalies.denied_spikes
      .slice(0, ROWS_SHOWN)
      .map((row) => [
        escapeMarkdown(row.agent_id),
        formatInstant(row.hour),
        formatNumber(row.denied),
        formatNumber(row.median_denied),
      ]),
  );

export const retentionTable = ({ retention }: PrivacyDigest): string =>
  markdownTable(
    [
      left('Store'),
      left('State'),
      right('Oldest'),
      right('Age, days'),
      right('Kept, days'),
      left('By'),
    ],
    retention.map((row) => [
      row.store,
      row.state === 'overdue' || row.state === 'unreadable' ? `**${row.state}**` : row.state,
      row.oldest_at === null ? '' : row.oldest_at.slice(0, 10),
      row.oldest_age_days === null ? '' : formatNumber(row.oldest_age_days),
      row.limit_days === null ? 'for ever' : formatNumber(row.limit_days),
      escapeMarkdown(row.limit_from),
    ]),
  );

export const accessTable = ({ audit }: PrivacyDigest): string =>
  markdownTable(
    [
      left('Agent'),
      left('Tool'),
      right('Calls'),
      right('Denied'),
      right('Bytes out'),
      right('Largest'),
    ],
    audit.access.agents.map((row) => [
      escapeMarkdown(row.agent_id),
      escapeMarkdown(row.tool),
      formatNumber(row.calls),
      formatNumber(row.denied),
      bytes(row.out_bytes),
      bytes(row.largest_bytes),
    ]),
  );
