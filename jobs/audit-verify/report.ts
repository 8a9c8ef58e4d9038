import type { Verification } from '#audit/audit-keeping';
import { damageLine } from '#audit/chain/damage';
import { firstDamage, uncoveredEvents } from '#audit/chain/describe-verification';
import { escapeMarkdown, formatNumber, markdownTable } from '#reports/markdown';

/** Damage and uncovered days of one source that a report names; all are counted. */
export const SHOWN = 100;

const SOURCE_NAMES = { jsonl: 'Daily files', postgres: 'PostgreSQL rows' } as const;

const verdict = (verified: readonly Verification[]): string => {
  const first = firstDamage(verified);
  if (first !== undefined)
    return `**Damaged.** The first damage in time: ${escapeMarkdown(damageLine(first))}`;
  return verified.some(({ digests }) => digests > 0)
    ? '**Intact.** Every day is as it was digested.'
    : 'No day is closed yet, so there is nothing to verify.';
};

const sourceTable = (verified: readonly Verification[]): string =>
  markdownTable(
    [
      { title: 'Source', align: 'left' },
      { title: 'Closed days', align: 'left' },
      { title: 'Days checked', align: 'right' },
      { title: 'Events verified', align: 'right' },
      { title: 'Damage', align: 'right' },
      { title: 'Not covered yet', align: 'right' },
    ],
    verified.map((source) => [
      SOURCE_NAMES[source.source],
      source.firstDay === null ? 'none' : `${source.firstDay} to ${source.lastDay}`,
      formatNumber(source.daysChecked),
      formatNumber(source.eventsVerified),
      formatNumber(source.damages.length),
      formatNumber(uncoveredEvents([source])),
    ]),
  );

const listed = (title: string, lines: readonly string[]): readonly string[] => {
  if (lines.length === 0) return [];
  const more = lines.length > SHOWN ? [`- and ${formatNumber(lines.length - SHOWN)} more`] : [];
  return ['', `## ${title}`, '', ...lines.slice(0, SHOWN).map((line) => `- ${line}`), ...more];
};

export const verificationMarkdown = (verified: readonly Verification[], lookedAt: Date): string => {
  const damages = verified.flatMap((source) =>
    source.damages.map((damage) => escapeMarkdown(damageLine(damage))),
  );
  const uncovered = verified.flatMap((source) =>
    source.uncovered.map(
      ({ day, events, why }) =>
        `${day}, ${SOURCE_NAMES[source.source].toLowerCase()}: ${formatNumber(events)} events, ${why}`,
    ),
  );
  const advice =
    damages.length === 0
      ? []
      : ['', 'What to do: runbook "Audit trail: retention and verification", section "Damage".'];
  return [
    '# Audit trail: verification',
    '',
    `Looked at ${lookedAt.toISOString()} (UTC).`,
    '',
    verdict(verified),
    ...advice,
    '',
    sourceTable(verified),
    ...listed('Damage, oldest day first', damages),
    ...listed('Not covered by a digest yet (no damage)', uncovered),
    '',
  ].join('\n');
};
