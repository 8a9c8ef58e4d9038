import type { Verification } from '#audit/audit-keeping';
import { damageLine } from '#audit/chain/damage';
import { firstDamage, verificationJson } from '#audit/chain/describe-verification';
import { systemClock } from '#core/clock';
import { AppError } from '#core/errors';
import { openKeeping } from './audit-keeping-commands.ts';
import type { Invocation } from './invocation.ts';
import { plainText, printJson, printLine, styled } from './terminal-text.ts';

export interface VerifyOptions {
  readonly auditDir?: string;
  readonly from?: string;
  readonly to?: string;
  readonly source?: Verification['source'];
  readonly json?: boolean;
}

/** Damage and uncovered days that are printed one by one; all are counted. */
const SHOWN = 1000;
const SHOWN_AS_TEXT = 20;

const printVerification = ({ stdout }: Invocation, source: Verification): void => {
  const days =
    source.firstDay === null ? 'no closed day yet' : `${source.firstDay} to ${source.lastDay}`;
  printLine(
    stdout,
    `${source.source}: ${days}, ${source.digests} digests, ${source.daysChecked} days checked, ${source.eventsVerified} events as they were digested`,
  );
  for (const damage of source.damages.slice(0, SHOWN_AS_TEXT))
    printLine(stdout, `  ${styled(stdout, 'red', 'damage')} ${plainText(damageLine(damage))}`);
  for (const { day, events, why } of source.uncovered.slice(0, SHOWN_AS_TEXT))
    printLine(stdout, `  not covered ${day}: ${events} events, ${why}`);
  const hidden =
    Math.max(0, source.damages.length - SHOWN_AS_TEXT) +
    Math.max(0, source.uncovered.length - SHOWN_AS_TEXT);
  if (hidden > 0) printLine(stdout, `  and ${hidden} more; --json names them`);
};

/** Exit code 0: intact; 1: damaged. */
export const verifyTrail = (invocation: Invocation, options: VerifyOptions): Promise<number> => {
  const { from, to, source } = options;
  if (from !== undefined && to !== undefined && from > to)
    throw new AppError('invalid_input', `--from ${from} is after --to ${to}`);
  if (source === 'postgres' && options.auditDir !== undefined)
    throw new AppError(
      'invalid_input',
      '--audit-dir names files; leave it out with --source postgres',
    );
  const reach = source === 'jsonl' ? 'files' : 'files and rows';
  return openKeeping(invocation, { ...options, reach }, async ({ stores }) => {
    const all = await stores.auditVerification.verify({
      now: systemClock.now(),
      signal: invocation.claimStopSignal(),
      ...(from === undefined ? {} : { from }),
      ...(to === undefined ? {} : { to }),
      ...(source === undefined ? {} : { source }),
    });
    const first = firstDamage(all);
    if (options.json === true) printJson(invocation.stdout, verificationJson(all, SHOWN));
    else {
      for (const each of all) printVerification(invocation, each);
      printLine(
        invocation.stdout,
        first === undefined
          ? all.some(({ digests }) => digests > 0)
            ? 'intact'
            : 'no day is closed yet: nothing to verify'
          : `damaged; first in time: ${plainText(damageLine(first))}`,
      );
    }
    return first === undefined ? 0 : 1;
  });
};
