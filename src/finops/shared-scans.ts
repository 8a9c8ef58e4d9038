import type { AuditAggregateQuery, AuditAggregateRow, AuditView } from '#audit/audit-store';

interface Question {
  readonly query: AuditAggregateQuery;
  resolve(rows: readonly AuditAggregateRow[]): void;
  reject(error: unknown): void;
}

const askAll = async (
  view: AuditView,
  queries: readonly AuditAggregateQuery[],
): Promise<readonly (readonly AuditAggregateRow[])[]> => {
  if (view.aggregateAll !== undefined) return view.aggregateAll(queries);
  const answers: (readonly AuditAggregateRow[])[] = [];
  for (const query of queries) answers.push(await view.aggregate(query));
  return answers;
};

/**
 * The same view, asking what is asked of it in one turn in one go: figures are
 * read where they are needed, and yet breakdowns of a range share a scan.
 */
export const withSharedScans = (view: AuditView): AuditView => {
  let waiting: Question[] = [];
  const ask = async (): Promise<void> => {
    const questions = waiting;
    waiting = [];
    try {
      const answers = await askAll(
        view,
        questions.map(({ query }) => query),
      );
      for (const [index, { resolve }] of questions.entries()) resolve(answers[index] ?? []);
    } catch (error) {
      for (const { reject } of questions) reject(error);
    }
  };
  return {
    quality: view.quality,
    aggregate: (query) =>
      new Promise((resolve, reject) => {
        if (waiting.length === 0) queueMicrotask(() => void ask());
        waiting.push({ query, resolve, reject });
      }),
    close: () => view.close(),
  };
};
