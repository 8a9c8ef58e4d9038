/** A stream of text; colours, tables that wrap and progress bars are for terminals alone. */
export interface TextStream extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** What a command may touch of its process; `main` is the only one that has the process itself. */
export interface Invocation {
  /** Arguments after the program's name. */
  readonly argv: readonly string[];
  /** The command's answer and nothing else, so that it can be piped. */
  readonly stdout: TextStream;
  /** Notes, progress, logs and errors. */
  readonly stderr: TextStream;
  /** Working directory against which file arguments are resolved. */
  readonly directory: string;
  /**
   * Aborts on the first SIGINT or SIGTERM. Until a command asked for it, a
   * signal ends the process at once; a second one does so always.
   */
  claimStopSignal(): AbortSignal;
  /**
   * Calls `listener` on each SIGHUP from now on, which otherwise ends the
   * process. Absent where no signal reaches the command.
   */
  onReloadSignal?(listener: () => void): void;
}
