import type { PlanItem } from '#registry/plan-registry';
import type { Logger } from '#telemetry/logger';

/** Names of a kind in one log line. */
const NAMED = 20;

/** Says what applying a registry changed; nothing where it changed nothing. */
export const logPlan = (logger: Logger, items: readonly PlanItem[], message: string): void => {
  if (items.length === 0) return;
  const named = (kind: PlanItem['kind']): Record<string, unknown> => {
    const names = items.filter((item) => item.kind === kind).map(({ taskId }) => taskId);
    if (names.length === 0) return {};
    const more = names.length - NAMED;
    return { [kind]: more > 0 ? [...names.slice(0, NAMED), `and ${more} more`] : names };
  };
  logger.info(
    { ...named('added'), ...named('changed'), ...named('ghost'), ...named('drifted') },
    message,
  );
};
