/** YAML as it was found: any part may have the wrong form and has its fault already. */
export type LooseObject = Readonly<Record<string, unknown>>;

/** Takes a fault at `steps` below the task; the words follow the path. */
export type LintReport = (steps: readonly string[], message: string, at?: 'key' | 'value') => void;

export const isLooseObject = (value: unknown): value is LooseObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
