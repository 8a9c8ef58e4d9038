import type { DeclaredStore } from '../privacy-policy.ts';
import type { StoreDeclaration, StoreFacts } from '../rules/store-declarations.ts';
import type { TextSource } from '../text/text-source.ts';

interface SourceDeclarations {
  readonly source: TextSource;
  readonly matches: readonly StoreDeclaration[];
}

/** Texts are kept until all are read; a repository that declares stores in more than this is told of the first. */
const MAX_KEPT_CHARS = 33_554_432;

/** Collects what each text says about stores and tells, once all are read, which of them nothing cleans. */
export class StoreFindings {
  private readonly known: ReadonlySet<string>;
  private readonly emptied = new Set<string>();
  private readonly declared: SourceDeclarations[] = [];
  private keptChars = 0;

  /** `stores` are those whose retention the policy states. */
  constructor(stores: readonly DeclaredStore[]) {
    this.known = new Set(stores.map(({ name }) => name.toLowerCase()));
  }

  add(source: TextSource, facts: StoreFacts): void {
    for (const name of facts.emptied) this.emptied.add(name);
    if (facts.declared.length === 0 || this.keptChars > MAX_KEPT_CHARS) return;
    this.keptChars += source.text.length;
    this.declared.push({ source, matches: facts.declared });
  }

  undeclared(): readonly SourceDeclarations[] {
    const isCleaned = ({ label, kind }: StoreDeclaration): boolean =>
      this.known.has(label.toLowerCase()) || (kind === 'table' && this.emptied.has(label));
    return this.declared
      .map(({ source, matches }) => ({
        source,
        matches: matches.filter((match) => !isCleaned(match)),
      }))
      .filter(({ matches }) => matches.length > 0);
  }
}
