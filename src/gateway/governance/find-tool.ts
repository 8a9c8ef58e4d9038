import { AppError } from '#core/errors';
import { nearestNames } from '#core/nearest-names';
import type { Tool, ToolAction } from './tool.ts';

/** Names that are compared with those there are; a longer one is none that was misspelt. */
const MAX_COMPARED_CHARS = 100;

/** By its name or an alias. Throws `not_found` that says which tools there are. */
export const getTool = (tools: readonly Tool[], name: string): Tool => {
  const tool = tools.find((one) => one.name === name || one.aliases.includes(name));
  if (tool !== undefined) return tool;
  const names = tools.map((one) => one.name);
  throw new AppError('not_found', `there is no tool of that name; tools: ${names.join(', ')}`, {
    details: {
      tools: names,
      did_you_mean: nearestNames(name.slice(0, MAX_COMPARED_CHARS), names),
    },
  });
};

/** Throws `invalid_input` that says which actions the tool has. */
export const getAction = (tool: Tool, name: unknown): readonly [string, ToolAction] => {
  const names = Object.keys(tool.actions);
  const action =
    typeof name === 'string' && Object.hasOwn(tool.actions, name) ? tool.actions[name] : undefined;
  if (typeof name === 'string' && action !== undefined) return [name, action];
  throw new AppError('invalid_input', `the tool ${tool.name} has no such action`, {
    violations: [{ path: '$.action', message: `must be one of ${names.join(', ')}` }],
    details: {
      actions: names,
      did_you_mean:
        typeof name === 'string' ? nearestNames(name.slice(0, MAX_COMPARED_CHARS), names) : [],
    },
  });
};
