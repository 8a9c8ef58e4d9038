import type { JsonValue } from '#core/json';
import type { Report } from '#job-kit/report';
import type { PrivacyDigest } from '#privacy/digest/privacy-digest';
import { renderRankChart, renderTimeChart } from '#reports/charts';
import { escapeMarkdown, formatInstant, formatNumber } from '#reports/markdown';
import {
  accessTable,
  deniedTable,
  findingsTable,
  fixedTable,
  largeOutputsTable,
  retentionTable,
} from './tables.ts';
import { bytes, plural } from './wording.ts';

export interface DigestReportInputs {
  readonly digest: PrivacyDigest;
  readonly scheduledFor: Date;
  readonly assetPrefix: string;
}

const partialNotice = ({ partial, audit }: PrivacyDigest): readonly string[] =>
  partial
    ? [
        [
          '> **Incomplete.** Events of this report are known to be missing; it is made again once the data is whole.',
          ...audit.input_problems.problems.map((problem) => `> - ${escapeMarkdown(problem)}`),
        ].join('\n'),
      ]
    : [];

const coverage = ({ repository }: PrivacyDigest): string => {
  const skipped = Object.entries(repository.skipped).map(
    ([reason, count]) => `${formatNumber(count ?? 0)} ${reason.replaceAll('_', ' ')}`,
  );
  const cut =
    repository.truncated_by === null
      ? ''
      : ` **Not all**: stopped by ${repository.truncated_by.replaceAll('_', ' ')}.`;
  return `Repository: ${formatNumber(repository.files_scanned)} of ${plural(repository.files_listed, 'file')} scanned${
    skipped.length === 0 ? '' : `; skipped ${skipped.join(', ')}`
  }.${cut}`;
};

const STATES_TO_TELL = [
  ['overdue', 'overdue'],
  ['not_ours', 'not ours and never cleaned'],
  ['no_limit', 'kept for ever'],
  ['unreadable', 'not readable'],
] as const;

const retentionLine = ({ retention }: PrivacyDigest): string => {
  const told = STATES_TO_TELL.flatMap(([state, words]) => {
    const count = retention.filter((store) => store.state === state).length;
    return count === 0 ? [] : [`**${plural(count, 'store')} ${words}**`];
  });
  return `- Retention: ${told.length === 0 ? 'no store holds records longer than it should' : told.join(', ')}.`;
};

const summary = (digest: PrivacyDigest): string => {
  const { totals, audit } = digest;
  const errors = totals.findings.by_severity.error;
  const anomalies = audit.anomalies.large_outputs.length + audit.anomalies.denied_spikes.length;
  return [
    `- **${plural(totals.new, 'new finding')}**, ${formatNumber(totals.open)} open, ${formatNumber(totals.fixed)} fixed; ${errors === 0 ? 'none is an error' : `**${plural(errors, 'error')}**`}.`,
    `- ${plural(audit.events, 'tool call')} gave ${bytes(audit.out_bytes)}; ${formatNumber(audit.denied)} denied; ${anomalies === 0 ? 'nothing stands out' : `**${plural(anomalies, 'anomaly', 'anomalies')}**`}.`,
    retentionLine(digest),
  ].join('\n');
};

const findingSections = (digest: PrivacyDigest): readonly string[] => {
  const { findings, totals } = digest;
  return [
    '## New findings',
    totals.new === 0 ? 'None.' : findingsTable(findings.new, totals.new),
    '## Open findings',
    totals.open === 0 ? 'None.' : findingsTable(findings.open, totals.open),
    '## Fixed since the last digest',
    totals.fixed === 0 ? 'None.' : fixedTable(digest),
  ];
};

const auditSections = (digest: PrivacyDigest, assetPrefix: string): readonly string[] => {
  const { large_outputs: large, denied_spikes: denied } = digest.audit.anomalies;
  return [
    '## Audit stream',
    digest.audit.events === 0
      ? 'No tool calls in this period.'
      : `![Calls and denied calls per hour](${assetPrefix}hourly-calls.svg)`,
    ...(large.length === 0
      ? ['No unusually large outputs.']
      : ['Large outputs:', largeOutputsTable(digest)]),
    ...(denied.length === 0
      ? ['No spike of denied calls.']
      : ['Denied calls:', deniedTable(digest)]),
  ];
};

const accessSection = (
  { audit }: PrivacyDigest,
  table: string,
  assetPrefix: string,
): readonly string[] => {
  const { tools, agents, others } = audit.access;
  if (tools.length === 0)
    return ['No tool is named as data-heavy in the policy or gave as much as it says.'];
  const names = tools.slice(0, 10).map(({ tool, why }) => `${escapeMarkdown(tool)} (${why})`);
  const rest =
    tools.length > names.length ? ` and ${formatNumber(tools.length - names.length)} more` : '';
  return [
    `Data-heavy: ${names.join(', ')}${rest}.`,
    ...(agents.length === 0 ? [] : [`![Bytes out by agent](${assetPrefix}data-access.svg)`, table]),
    ...(others === 0 ? [] : [`${plural(others, 'other pair')} of agent and tool took less.`]),
  ];
};

const fixes = (digest: PrivacyDigest): string => {
  const known = new Map(
    [...digest.findings.new, ...digest.findings.open].map(({ rule, fix }) => [rule, fix]),
  );
  if (known.size === 0) return 'Nothing to do.';
  return [...known]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([rule, fix]) => `- ${rule}: ${fix}`)
    .join('\n');
};

const notes = ({ repository, audit }: PrivacyDigest): string => {
  const { inline, policy } = repository.suppressed;
  const lines = [
    'Samples are masked: two leading characters at most, and a class of lengths.',
    `${plural(inline + policy, 'finding')} allowed by comments in the text (${formatNumber(inline)}) or the policy (${formatNumber(policy)}).`,
    ...repository.expired_allowances.map(
      ({ path, expires }) =>
        `The allowance for ${escapeMarkdown(path)} ended on ${expires ?? ''}; its findings count again.`,
    ),
    ...(audit.truncated
      ? ['More events are in the period than the policy lets a scan read (audit_scan.max_events).']
      : []),
    ...(audit.input_problems.rejected_lines > 0
      ? [
          `${plural(audit.input_problems.rejected_lines, 'line')} of the audit files could not be counted.`,
        ]
      : []),
  ];
  return lines.map((line) => `- ${line}`).join('\n');
};

const hourLabel = (digest: PrivacyDigest, iso: string): string =>
  digest.audit.hourly.length <= 48 ? iso.slice(11, 16) : `${iso.slice(5, 10)} ${iso.slice(11, 16)}`;

const renderAssets = async (digest: PrivacyDigest): Promise<Record<string, string>> => {
  const { hourly, access, events } = digest.audit;
  const byAgent = new Map<string, number>();
  for (const row of access.agents)
    byAgent.set(row.agent_id, (byAgent.get(row.agent_id) ?? 0) + row.out_bytes);
  const bars = [...byAgent].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  return {
    ...(events === 0
      ? {}
      : {
          'hourly-calls.svg': await renderTimeChart({
            title: 'Calls per hour (UTC)',
            unit: 'calls',
            labels: hourly.map(({ ts }) => hourLabel(digest, ts)),
            series: [
              { name: 'calls', kind: 'line', values: hourly.map(({ calls }) => calls) },
              { name: 'denied', kind: 'bar', values: hourly.map(({ denied }) => denied) },
            ],
          }),
        }),
    ...(bars.length === 0
      ? {}
      : {
          'data-access.svg': await renderRankChart({
            title: 'Bytes out of data-heavy tools by agent',
            unit: 'bytes',
            bars: bars.map(([label, value]) => ({ label, value })),
          }),
        }),
  };
};

/** What somebody who answers for data reads at nine: what is new first, then what is still open. */
export const toReport = async ({
  digest,
  scheduledFor,
  assetPrefix,
}: DigestReportInputs): Promise<Report> => {
  const json = {
    report: 'daily_privacy_digest',
    scheduled_for: scheduledFor.toISOString(),
    ...digest,
  };
  const { from, to } = digest.time_range;
  const sections = [
    `# Privacy digest for ${scheduledFor.toISOString().slice(0, 10)}`,
    `Tool calls from ${formatInstant(from)} to ${formatInstant(to)} UTC; repository and stores as they were at ${formatInstant(digest.looked_at)} UTC.`,
    ...partialNotice(digest),
    summary(digest),
    coverage(digest),
    ...findingSections(digest),
    ...auditSections(digest, assetPrefix),
    '## Retention',
    retentionTable(digest),
    '## Who takes data out',
    ...accessSection(digest, accessTable(digest), assetPrefix),
    '## What to do',
    fixes(digest),
    '## Notes',
    notes(digest),
  ];
  return {
    json: json as unknown as JsonValue,
    markdown: `${sections.join('\n\n')}\n`,
    assets: await renderAssets(digest),
  };
};
