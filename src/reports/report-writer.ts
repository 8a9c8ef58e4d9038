import { createHash } from 'node:crypto';
import path from 'node:path';
import type { FileEffects } from '#core/effects';
import { AppError } from '#core/errors';
import type { Report, WrittenReport } from '#job-kit/report';

export interface ReportWriterOptions {
  /** Relative to `repoRoot`, or absolute inside it; null for a half that the task does not write. */
  readonly paths: { readonly json: string | null; readonly markdown: string | null };
  readonly effects: { readonly files: FileEffects };
  readonly repoRoot: string;
  /** Called for each file, in the order of writing, once it is in place. */
  onWritten(file: WrittenReport): void;
}

const ASSET_NAME = /^[a-z0-9][a-z0-9_-]{0,99}\.svg$/;

const insideRoot = (repoRoot: string, file: string): string => {
  const absolute = path.resolve(repoRoot, file);
  const relative = path.relative(repoRoot, absolute);
  if (relative === '' || relative.startsWith('..') || path.isAbsolute(relative)) {
    throw new AppError(
      'invalid_configuration',
      'A report path leads out of the repository root; outputs must stay below it.',
    );
  }
  return absolute;
};

const withNewline = (text: string): string => (text.endsWith('\n') ? text : `${text}\n`);

/** `2023-11-17.md` has its charts in `2023-11-17.assets/`. */
const assetFolderOf = (markdownFile: string): string =>
  `${markdownFile.slice(0, markdownFile.length - path.extname(markdownFile).length)}.assets`;

/**
 * Writes the files of one run's report through the run's effects: charts first,
 * then JSON, then Markdown, so that what is linked is there before the link.
 * The same content gives the same bytes.
 */
export const createReportWriter = (options: ReportWriterOptions) => {
  const { json, markdown } = options.paths;
  const jsonFile = json === null ? null : insideRoot(options.repoRoot, json);
  const markdownFile = markdown === null ? null : insideRoot(options.repoRoot, markdown);

  const write = async (file: string, content: string): Promise<void> => {
    await options.effects.files.write('write_report', file, content);
    options.onWritten({
      path: path.relative(options.repoRoot, file).split(path.sep).join('/'),
      bytes: Buffer.byteLength(content),
      sha256: createHash('sha256').update(content).digest('hex'),
    });
  };

  return {
    assetPrefix: markdownFile === null ? '' : `${path.basename(assetFolderOf(markdownFile))}/`,
    async publish(report: Report): Promise<void> {
      const assets = Object.entries(report.assets ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
      for (const [name] of assets) {
        if (!ASSET_NAME.test(name)) {
          throw new AppError(
            'internal',
            `A chart must be named like hourly.svg, not ${JSON.stringify(name)}.`,
          );
        }
      }
      if (markdownFile !== null) {
        for (const [name, content] of assets) {
          await write(path.join(assetFolderOf(markdownFile), name), withNewline(content));
        }
      }
      if (jsonFile !== null) await write(jsonFile, `${JSON.stringify(report.json, null, 2)}\n`);
      if (markdownFile !== null) await write(markdownFile, withNewline(report.markdown));
    },
  };
};
