import { AppError } from '#core/errors';
import { compileSchema, type Validator } from '#core/schema';
import type { Tool, ToolAction } from '../tool.ts';
import type { Step } from '../tool-call.ts';

/** Checks params by their action's schema and fills defaults in. Throws `invalid_input` with every violation. */
export const paramsStep = (tools: readonly Tool[]): Step => {
  const validators = new Map<ToolAction, Validator<unknown>>();
  for (const tool of tools)
    for (const action of Object.values(tool.actions))
      validators.set(action, compileSchema({ ...action.params }));
  return {
    name: 'params',
    run: (call) => {
      const checked = validators.get(call.action)?.check(call.params);
      if (checked?.ok) return { ...call, params: checked.value };
      throw new AppError('invalid_input', `the parameters of ${call.actionName} are not accepted`, {
        violations: checked?.violations ?? [],
      });
    },
  };
};
