import type { JsonObject } from '#core/json';
import type { Damage, Uncovered } from './damage.ts';
import type { Verification } from './verify-trail.ts';

/** The first in time over all sources. */
export const firstDamage = (verified: readonly Verification[]): Damage | undefined =>
  verified
    .flatMap(({ damages }) => damages)
    .reduce<Damage | undefined>(
      (first, damage) => (first === undefined || damage.day < first.day ? damage : first),
      undefined,
    );

export const uncoveredEvents = (verified: readonly Verification[]): number =>
  verified.flatMap(({ uncovered }) => uncovered).reduce((total, { events }) => total + events, 0);

const damageJson = ({ day, kind, place, range, detail }: Damage): JsonObject => ({
  day,
  kind,
  place,
  range,
  detail,
});

const uncoveredJson = ({ day, events, why }: Uncovered): JsonObject => ({ day, events, why });

/** The wire's form, for reports and commands; of each list the first `shown`, everything is counted. */
export const verificationJson = (verified: readonly Verification[], shown: number): JsonObject => {
  const first = firstDamage(verified);
  return {
    intact: first === undefined,
    first_damage: first === undefined ? null : damageJson(first),
    sources: verified.map((source) => ({
      source: source.source,
      digests: source.digests,
      first_day: source.firstDay,
      last_day: source.lastDay,
      days_checked: source.daysChecked,
      events_verified: source.eventsVerified,
      damage_count: source.damages.length,
      damages: source.damages.slice(0, shown).map(damageJson),
      uncovered_events: uncoveredEvents([source]),
      uncovered: source.uncovered.slice(0, shown).map(uncoveredJson),
    })),
  };
};
