/**
 * A long-lived part of a process. `stop` is safe before, during and after
 * `start`, and twice. The application starts services in order and stops them
 * in reverse.
 */
export interface Service {
  readonly name: string;
  start(): Promise<void>;
  stop(): Promise<void>;
}
