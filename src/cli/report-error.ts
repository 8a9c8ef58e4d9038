import { AppError, ERROR_TABLE, messageOf } from '#core/errors';
import type { Invocation } from './invocation.ts';
import { plainText, printJson, printLine, styled } from './terminal-text.ts';

const asNames = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];

/** Each violation once: the error's message may be made of their lines, and a line may begin with its place. */
const violationLines = (error: AppError): readonly string[] => {
  const said = error.message.split('\n');
  return error.violations
    .map(({ path, message }) => {
      if (message.includes(path)) return message;
      const line = `${path} ${message}`;
      return said.includes(line) ? line : `${path}: ${message}`;
    })
    .filter((line) => line !== said[0]);
};

/**
 * Says on standard error what went wrong, one line for the error and one for
 * each violation, and answers the exit code. With `--json` the same stands on
 * standard output as an object.
 */
export const reportError = (
  invocation: Invocation,
  error: unknown,
  format: { readonly isJson: boolean },
): number => {
  const { stderr, stdout } = invocation;
  const known = error instanceof AppError ? error : undefined;
  const [summary = ''] = messageOf(error).split('\n', 1);
  printLine(stderr, `${styled(stderr, 'red', 'error:')} ${plainText(summary)}`);
  if (known === undefined) {
    const stack = error instanceof Error ? (error.stack ?? '') : '';
    for (const line of stack.split('\n').slice(1)) printLine(stderr, plainText(line));
  } else {
    for (const line of violationLines(known)) printLine(stderr, `  ${plainText(line)}`);
    // The message of `not_found` may name its neighbours itself.
    const near = asNames(known.details['did_you_mean']).filter((name) => !summary.includes(name));
    if (near.length > 0) printLine(stderr, `Did you mean ${near.map(plainText).join(' or ')}?`);
  }
  const code = known?.code ?? 'internal';
  if (format.isJson)
    printJson(stdout, {
      error: {
        code,
        message: known?.message ?? 'internal error',
        violations: known?.violations ?? [],
        ...known?.details,
      },
    });
  return ERROR_TABLE[code].exitCode;
};
