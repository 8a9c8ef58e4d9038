/** Remembers which methods each path takes, to tell a wrong method (405) from a wrong path (404). */
export class KnownRoutes {
  readonly #routes: { readonly pattern: RegExp; readonly methods: Set<string> }[] = [];

  /** @param path as registered: `/v1/runs/:id/log`, `/static/*` */
  add(path: string, methods: readonly string[]): void {
    const source = path
      .split('/')
      .map((segment) =>
        segment.startsWith(':')
          ? '[^/]+'
          : segment.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replace('*', '.*'),
      )
      .join('/');
    this.#routes.push({ pattern: new RegExp(`^${source}$`), methods: new Set(methods) });
  }

  /** Methods that the path takes, sorted; none for an unknown path. */
  methodsOf(path: string): readonly string[] {
    const methods = this.#routes.flatMap((route) =>
      route.pattern.test(path) ? [...route.methods] : [],
    );
    return [...new Set(methods)].sort();
  }
}
