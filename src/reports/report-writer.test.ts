import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FileEffects } from '#core/effects';
import type { ReportWriter } from '#job-kit/job';
import type { WrittenReport } from '#job-kit/report';
import { createLiveFileEffects } from '#storage/effects/live-file-effects';
import { createReportWriter } from './report-writer.ts';

let repoRoot: string;
let written: WrittenReport[];
beforeEach(async () => {
  repoRoot = await mkdtemp(path.join(os.tmpdir(), 'opsloop-report-'));
  written = [];
});
afterEach(() => rm(repoRoot, { recursive: true, force: true }));

const live = (): FileEffects =>
  createLiveFileEffects({ fence: { assertHeld: async () => undefined } });

const writer = (
  paths = { json: 'ops/reports/cost/2026-11-04.json', markdown: 'ops/reports/cost/2026-11-04.md' },
  files: FileEffects = live(),
): ReportWriter =>
  createReportWriter({
    paths,
    effects: { files },
    repoRoot,
    onWritten: (file) => written.push(file),
  });

describe('writing a report', () => {
  it('writes charts, JSON and Markdown and tells path, size and hash of each', async () => {
    await writer().publish({
      json: { b: 1, a: [2] },
      markdown: '# Ü',
      assets: { 'two.svg': '<svg>2</svg>', 'one.svg': '<svg>1</svg>\n' },
    });
    expect(written.map((file) => file.path)).toEqual([
      'ops/reports/cost/2026-11-04.assets/one.svg',
      'ops/reports/cost/2026-11-04.assets/two.svg',
      'ops/reports/cost/2026-11-04.json',
      'ops/reports/cost/2026-11-04.md',
    ]);
    for (const file of written) {
      const bytes = await readFile(path.join(repoRoot, file.path));
      expect(file.bytes).toBe(bytes.length);
      expect(file.sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
    }
    expect(await readFile(path.join(repoRoot, 'ops/reports/cost/2026-11-04.json'), 'utf8')).toBe(
      '{\n  "b": 1,\n  "a": [\n    2\n  ]\n}\n',
    );
    expect(await readFile(path.join(repoRoot, 'ops/reports/cost/2026-11-04.md'), 'utf8')).toBe(
      '# Ü\n',
    );
  });

  it('tells where charts are, as the Markdown links them', () => {
    expect(writer().assetPrefix).toBe('2026-11-04.assets/');
  });

  it.each(['../out.json', '/etc/out.json', 'ops/../../out.json', '.'])('refuses %s', (json) => {
    expect(() => writer({ json, markdown: 'ops/x.md' })).toThrow('out of the repository root');
  });

  it.each(['../x.svg', 'x.html', '.svg', 'a/b.svg'])('refuses a chart named %s', async (name) => {
    await expect(
      writer().publish({ json: null, markdown: '', assets: { [name]: '' } }),
    ).rejects.toThrow('hourly.svg');
    expect(await readdir(repoRoot)).toEqual([]);
  });

  it('writes one half where a task has one', async () => {
    const half = createReportWriter({
      paths: { json: 'a.json', markdown: null },
      effects: { files: live() },
      repoRoot,
      onWritten: (file) => written.push(file),
    });
    await half.publish({ json: {}, markdown: 'x', assets: { 'a.svg': '' } });
    expect(written.map((file) => file.path)).toEqual(['a.json']);
  });

  it('leaves no link without its target when it is stopped', async () => {
    const files = live();
    const stopping: FileEffects = {
      ...files,
      write: async (effect, file, content) => {
        if (file.endsWith('.json')) throw new Error('stopped');
        await files.write(effect, file, content);
      },
    };
    await expect(
      writer(undefined, stopping).publish({
        json: {},
        markdown: '![x](a.svg)',
        assets: { 'a.svg': 'x' },
      }),
    ).rejects.toThrow('stopped');
    expect(await readdir(path.join(repoRoot, 'ops/reports/cost'))).toEqual(['2026-11-04.assets']);
  });
});
