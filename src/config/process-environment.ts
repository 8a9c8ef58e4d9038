export type Environment = Readonly<Record<string, string | undefined>>;

/** A copy of this process's environment: the only place that reads it. */
export const readProcessEnvironment = (): Environment => ({ ...process.env });
