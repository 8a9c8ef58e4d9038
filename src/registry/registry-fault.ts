import { AppError, type Violation } from '#core/errors';
import { placeText, type TextPosition } from '#core/yaml-source';

/** One thing wrong with the registry; `path` is `file:line:column`, `message` begins with the task. */
export interface RegistryFault extends Violation {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Absent when the fault is outside of any task. */
  readonly task?: string;
}

export const registryFault = (options: {
  readonly file: string;
  readonly position: TextPosition;
  readonly task?: string | undefined;
  readonly message: string;
}): RegistryFault => {
  const { file, position, task, message } = options;
  return {
    path: placeText(file, position),
    message: task === undefined ? message : `${task}: ${message}`,
    file,
    line: position.line,
    column: position.column,
    ...(task === undefined ? {} : { task }),
  };
};

const inOrderOfPlace = (a: RegistryFault, b: RegistryFault): number =>
  (a.file < b.file ? -1 : a.file > b.file ? 1 : 0) || a.line - b.line || a.column - b.column;

/** `invalid_registry` with every fault, one line each, in the order of the file. */
export const invalidRegistry = (faults: readonly RegistryFault[]): AppError => {
  const violations = [...faults].sort(inOrderOfPlace);
  const lines = violations.map((fault) => `${fault.path} ${fault.message}`);
  const message =
    lines.length === 1
      ? lines.join('')
      : `${lines.length} faults in the registry:\n${lines.join('\n')}`;
  return new AppError('invalid_registry', message, { violations });
};
