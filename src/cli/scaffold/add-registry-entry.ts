import { AppError } from '#core/errors';
import { readYaml } from '#core/yaml-source';

const invalid = (message: string): AppError => new AppError('invalid_registry', message);

const readTasks = (value: unknown): Readonly<Record<string, unknown>> => {
  const tasks =
    value !== null && typeof value === 'object' && 'tasks' in value ? value.tasks : null;
  return tasks !== null && typeof tasks === 'object' ? { ...tasks } : {};
};

const indentOf = (line: string): number => line.length - line.trimStart().length;

/** Number of the last line that is indented below the key on line `keyLine`, both from 1. */
const endOfBlock = (lines: readonly string[], keyLine: number): number => {
  const keyIndent = indentOf(lines[keyLine - 1] ?? '');
  let end = keyLine;
  for (const [index, line] of lines.entries()) {
    if (index < keyLine || line.trim() === '') continue;
    if (indentOf(line) <= keyIndent) break;
    end = index + 1;
  }
  return end;
};

/**
 * The registry's text with `entry` (lines, the first one its key) put behind
 * the last task. Every other byte stays, comments and formatting included.
 * Throws `conflict` when the task exists, `invalid_registry` when the text is
 * not a registry that can be added to.
 */
export const addRegistryEntry = (
  text: string,
  taskId: string,
  entry: readonly string[],
): string => {
  const source = readYaml(text, { scalars: 'typed' });
  const [fault] = source.faults;
  if (fault !== undefined)
    throw invalid(`the registry cannot be read: line ${fault.line}: ${fault.message}`);
  const tasks = readTasks(source.value);
  const last = Object.keys(tasks).at(-1);
  if (last === undefined) throw invalid('the registry has no task to put another one behind');
  if (Object.hasOwn(tasks, taskId))
    throw new AppError('conflict', `the task ${taskId} exists already`);

  const lines = text.split('\n');
  const { line: keyLine, column } = source.keyPosition(['tasks', last]);
  const indent = (lines[keyLine - 1] ?? '').slice(0, column - 1);
  if (indent.trim() !== '') throw invalid('the tasks must stand in a block, one below the other');
  const end = endOfBlock(lines, keyLine);
  const added = entry.map((line) => `${indent}${line}`);
  return [
    ...lines.slice(0, end),
    ...added,
    ...(end === lines.length ? [''] : lines.slice(end)),
  ].join('\n');
};
