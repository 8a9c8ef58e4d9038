import type { Dirent } from 'node:fs';
import { lstat, readdir, readFile, realpath } from 'node:fs/promises';
import path from 'node:path';
import ignore, { type Ignore } from 'ignore';
import { AppError } from '#core/errors';
import type { PathMatcher } from '../text/path-globs.ts';

/** Why something was not looked at. */
export type SkipReason =
  | 'git_ignored'
  | 'not_ours'
  | 'lock_file'
  | 'generated'
  | 'excluded'
  | 'symbolic_link'
  | 'not_a_file'
  | 'unreadable'
  | 'too_large'
  | 'binary';

export interface ListedFile {
  /** Relative to the root, with forward slashes. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly modifiedAtMs: number;
}

export interface FileListing {
  /** The root with every symbolic link of its own path resolved. */
  readonly root: string;
  /** By path. */
  readonly files: readonly ListedFile[];
  /** A folder that is passed over counts once, whatever is in it. */
  readonly skipped: ReadonlyMap<SkipReason, number>;
  /** False when there are more entries than a scan keeps in mind. */
  readonly isWhole: boolean;
}

export interface ListRequest {
  readonly root: string;
  readonly maxFileBytes: number;
  /** Null: everything. */
  readonly include: PathMatcher | null;
  readonly exclude: PathMatcher;
  readonly signal: AbortSignal;
}

/** About 60 MB of paths; a larger checkout is scanned in parts, by `paths_include`. */
const MAX_ENTRIES = 200_000;
const MAX_DEPTH = 64;
const MAX_IGNORE_FILE_BYTES = 262_144;

const NOT_OURS: ReadonlySet<string> = new Set([
  '.git',
  '.hg',
  '.svn',
  'node_modules',
  'bower_components',
  'dist',
  '.venv',
  'venv',
  '__pycache__',
  '.tox',
  '.mypy_cache',
  '.pytest_cache',
  '.gradle',
  '.terraform',
  'site-packages',
  '.opsloop',
]);
const LOCK_FILE =
  /^(?:package-lock\.json|npm-shrinkwrap\.json|yarn\.lock|pnpm-lock\.yaml|bun\.lockb?|composer\.lock|gemfile\.lock|poetry\.lock|pipfile\.lock|uv\.lock|cargo\.lock|go\.sum|flake\.lock|packages\.lock\.json|podfile\.lock|mix\.lock)$/i;
const GENERATED = /\.(?:min\.(?:js|css|mjs)|map|snap|tsbuildinfo)$/i;
const BINARY =
  /\.(?:png|jpe?g|gif|webp|avif|bmp|ico|pdf|zip|gz|tgz|bz2|xz|zst|7z|rar|jar|war|class|o|a|so|dylib|dll|exe|node|wasm|woff2?|ttf|otf|eot|mp[34]|mov|avi|webm|ogg|wav|flac|parquet|sqlite3?|db|pyc|bin|dat|iso)$/i;

/** A `.gitignore` with the folder it stands in; the deepest that has an opinion decides. */
interface IgnoreFile {
  readonly folder: string;
  readonly rules: Ignore;
}

const isGitIgnored = (file: string, isFolder: boolean, ignores: readonly IgnoreFile[]): boolean => {
  for (const { folder, rules } of [...ignores].reverse()) {
    const relative = folder === '' ? file : file.slice(folder.length + 1);
    const { ignored, unignored } = rules.test(isFolder ? `${relative}/` : relative);
    if (ignored) return true;
    if (unignored) return false;
  }
  return false;
};

const compareNames = (a: Dirent, b: Dirent): number =>
  a.name < b.name ? -1 : a.name > b.name ? 1 : 0;

class Listing {
  readonly files: ListedFile[] = [];
  readonly skipped = new Map<SkipReason, number>();
  isWhole = true;
  private readonly request: ListRequest;
  private readonly root: string;
  private entries = 0;

  constructor(request: ListRequest, root: string) {
    this.request = request;
    this.root = root;
  }

  async walk(folder: string, inherited: readonly IgnoreFile[], depth: number): Promise<void> {
    this.request.signal.throwIfAborted();
    const entries = await this.entriesOf(folder);
    const own = entries.some((entry) => entry.name === '.gitignore' && entry.isFile());
    const ignores = own ? [...inherited, await this.readIgnoreFile(folder)] : inherited;
    for (const entry of entries) {
      this.entries += 1;
      if (this.entries > MAX_ENTRIES) this.isWhole = false;
      if (!this.isWhole) return;
      await this.take(entry, folder, ignores, depth);
    }
  }

  private async take(
    entry: Dirent,
    folder: string,
    ignores: readonly IgnoreFile[],
    depth: number,
  ): Promise<void> {
    const file = folder === '' ? entry.name : `${folder}/${entry.name}`;
    const reason = this.reasonToSkip(entry, file, ignores);
    if (reason !== null) this.skip(reason);
    else if (!entry.isDirectory()) await this.takeFile(file);
    else if (depth < MAX_DEPTH) await this.walk(file, ignores, depth + 1);
    else this.isWhole = false;
  }

  private reasonToSkip(
    entry: Dirent,
    file: string,
    ignores: readonly IgnoreFile[],
  ): SkipReason | null {
    // What a link inside the root points to is found where it is; anything else is not ours to read.
    if (entry.isSymbolicLink()) return 'symbolic_link';
    if (entry.isDirectory() && NOT_OURS.has(entry.name)) return 'not_ours';
    if (isGitIgnored(file, entry.isDirectory(), ignores)) return 'git_ignored';
    if (this.request.exclude(file)) return 'excluded';
    if (entry.isDirectory()) return null;
    if (!entry.isFile()) return 'not_a_file';
    if (this.request.include?.(file) === false) return 'excluded';
    if (LOCK_FILE.test(entry.name)) return 'lock_file';
    if (GENERATED.test(entry.name)) return 'generated';
    return BINARY.test(entry.name) ? 'binary' : null;
  }

  private async takeFile(file: string): Promise<void> {
    const found = await lstat(path.join(this.root, file)).catch(() => undefined);
    if (found === undefined) return this.skip('unreadable');
    if (found.size > this.request.maxFileBytes) return this.skip('too_large');
    this.files.push({ path: file, sizeBytes: found.size, modifiedAtMs: found.mtimeMs });
  }

  private skip(reason: SkipReason): void {
    this.skipped.set(reason, (this.skipped.get(reason) ?? 0) + 1);
  }

  private async entriesOf(folder: string): Promise<readonly Dirent[]> {
    try {
      const entries = await readdir(path.join(this.root, folder), { withFileTypes: true });
      return entries.sort(compareNames);
    } catch {
      this.skip('unreadable');
      return [];
    }
  }

  private async readIgnoreFile(folder: string): Promise<IgnoreFile> {
    const text = await readFile(path.join(this.root, folder, '.gitignore'), 'utf8').catch(() => '');
    const rules = ignore({ allowRelativePaths: true }).add(text.slice(0, MAX_IGNORE_FILE_BYTES));
    return { folder, rules };
  }
}

/**
 * The files below `root` that a scan would look at, in order of their paths,
 * with what git ignores left out. Symbolic links are not followed. Throws
 * `not_found` when there is no such directory.
 */
export const listFiles = async (request: ListRequest): Promise<FileListing> => {
  const root = await realpath(request.root).catch(() => undefined);
  const found = root === undefined ? undefined : await lstat(root);
  if (root === undefined || found?.isDirectory() !== true)
    throw new AppError('not_found', 'the directory to scan (REPO_ROOT) does not exist');
  const listing = new Listing(request, root);
  await listing.walk('', [], 0);
  const files = listing.files.sort((a, b) => (a.path < b.path ? -1 : 1));
  return { root, files, skipped: listing.skipped, isWhole: listing.isWhole };
};
