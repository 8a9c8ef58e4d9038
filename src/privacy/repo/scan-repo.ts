import path from 'node:path';
import { type Clock, nextTurn } from '#core/clock';
import type { Finding, Focus } from '../finding.ts';
import { sortFindings } from '../finding.ts';
import { type AllowList, createAllowList, type PrivacyPolicy } from '../privacy-policy.ts';
import { readStoreFacts } from '../rules/store-declarations.ts';
import { createTextMatcher, type TextMatcher } from '../text/match-text.ts';
import { compileGlobs } from '../text/path-globs.ts';
import { toTextSource } from '../text/text-source.ts';
import { FileFindings } from './file-findings.ts';
import { listFiles, type SkipReason } from './list-files.ts';
import { readTextFile } from './read-text-file.ts';
import { orderForScan } from './scan-order.ts';
import { StoreFindings } from './store-findings.ts';

export interface RepoScanRequest {
  readonly mode: 'fast' | 'full';
  /** From 1. */
  readonly maxFiles: number;
  /** Globs; empty for everything. */
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly focus: readonly Focus[];
}

export interface RepoScan {
  readonly mode: 'fast' | 'full';
  readonly focus: readonly Focus[];
  /** Paths that were read to their end. */
  readonly scanned: ReadonlySet<string>;
  /** All paths that there are to scan, these and those not reached. */
  readonly listed: ReadonlySet<string>;
  readonly skipped: Readonly<Partial<Record<SkipReason, number>>>;
  /** Why files that were listed were not scanned; null when all were. */
  readonly truncatedBy: 'max_files' | 'time' | 'too_many_entries' | null;
  readonly suppressed: { readonly inline: number; readonly policy: number };
  /** Allowances of the policy whose last day has passed. */
  readonly expiredAllowances: readonly { readonly path: string; readonly expires: string | null }[];
  readonly findings: readonly Finding[];
}

export interface RepoScanOptions {
  /** REPO_ROOT: nothing outside of it is read. */
  readonly root: string;
  readonly policy: PrivacyPolicy;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

interface Scan {
  readonly request: RepoScanRequest;
  readonly options: RepoScanOptions;
  readonly matchText: TextMatcher;
  readonly allowList: AllowList;
  readonly files: FileFindings;
  readonly stores: StoreFindings;
  readonly scanned: Set<string>;
  readonly skipped: Map<SkipReason, number>;
}

const scanFile = async (scan: Scan, root: string, file: string): Promise<boolean> => {
  const read = await readTextFile(path.join(root, file), scan.options.policy.repoScan.maxFileBytes);
  if (read.outcome !== 'text') {
    scan.skipped.set(read.outcome, (scan.skipped.get(read.outcome) ?? 0) + 1);
    return false;
  }
  const source = toTextSource(file, read.text);
  await scan.files.add(source, await scan.matchText(source));
  if (scan.request.focus.includes('retention')) scan.stores.add(source, readStoreFacts(source));
  scan.scanned.add(file);
  return true;
};

const createScan = (request: RepoScanRequest, options: RepoScanOptions): Scan => {
  const { policy, clock } = options;
  const phoneCountries = policy.repoScan.phoneCountries;
  const allowList = createAllowList(policy.repoScan.allow, clock.now());
  const maskNames = createTextMatcher({ focus: new Set(['pii', 'secrets']), phoneCountries });
  const files = new FileFindings(allowList, maskNames);
  return {
    request,
    options,
    matchText: createTextMatcher({ focus: new Set(request.focus), phoneCountries }),
    allowList,
    files,
    stores: new StoreFindings(policy.stores),
    scanned: new Set(),
    skipped: new Map(),
  };
};

/**
 * Looks through the text files of a repository. Throws `invalid_input` for
 * globs that are not accepted, and the signal's reason when it aborts; between
 * files others get their turn.
 */
export const scanRepo = async (
  request: RepoScanRequest,
  options: RepoScanOptions,
): Promise<RepoScan> => {
  const { policy, clock, signal } = options;
  const include =
    request.include.length === 0 ? null : compileGlobs(request.include, 'paths_include');
  const asked = compileGlobs(request.exclude, 'paths_exclude');
  const byPolicy = compileGlobs(policy.repoScan.exclude, 'repo_scan.exclude');
  const endsAtMs = clock.now().getTime() + policy.repoScan.timeLimitMs;
  const listing = await listFiles({
    root: options.root,
    maxFileBytes: policy.repoScan.maxFileBytes,
    include,
    exclude: (file) => asked(file) || byPolicy(file),
    signal,
  });
  const scan = createScan(request, options);
  for (const [reason, count] of listing.skipped) scan.skipped.set(reason, count);
  let truncatedBy: RepoScan['truncatedBy'] = listing.isWhole ? null : 'too_many_entries';
  for (const { path: file } of await orderForScan(listing, request.mode)) {
    signal.throwIfAborted();
    if (scan.scanned.size >= request.maxFiles) truncatedBy = 'max_files';
    else if (clock.now().getTime() > endsAtMs) truncatedBy = 'time';
    else {
      await scanFile(scan, listing.root, file);
      await nextTurn();
      continue;
    }
    break;
  }
  for (const declared of scan.stores.undeclared())
    await scan.files.add(declared.source, declared.matches);
  return {
    mode: request.mode,
    focus: request.focus,
    scanned: scan.scanned,
    listed: new Set(listing.files.map((file) => file.path)),
    skipped: Object.fromEntries([...scan.skipped].sort(([a], [b]) => (a < b ? -1 : 1))),
    truncatedBy,
    suppressed: scan.files.suppressed,
    expiredAllowances: scan.allowList.expired.map(({ path: glob, expires }) => ({
      path: glob,
      expires,
    })),
    findings: sortFindings(scan.files.findings),
  };
};
