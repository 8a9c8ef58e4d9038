import { maskSample } from '../text/mask-sample.ts';

/** Names of tools and agents as reports may show them: those that hold personal data or a secret come masked. */
export class SafeNames {
  private readonly unsafe = new Set<string>();

  remember(values: readonly string[]): void {
    for (const value of values) this.unsafe.add(value);
  }

  show(name: string): string {
    return this.unsafe.has(name) ? maskSample(name) : name;
  }
}
