import { type Finding, fingerprintOf } from '../finding.ts';
import type { AllowList } from '../privacy-policy.ts';
import { getRule } from '../rules/rule-catalog.ts';
import { readInlineIgnores } from '../text/inline-ignores.ts';
import { maskSample } from '../text/mask-sample.ts';
import { maskPath, maskText } from '../text/masked-text.ts';
import type { TextMatcher } from '../text/match-text.ts';
import type { Match, TextSource } from '../text/text-source.ts';

/** Findings of one rule in one file that are told one by one; the last of them counts the rest. */
const MAX_PER_RULE_AND_FILE = 20;
const MAX_LABEL = 80;

/** The name that a value is given on its line: `password` of `password = "…"`. */
const KEY = /([A-Za-z_][\w.-]{0,60})["'\]]{0,2}\s{0,4}(?:=>|:=|[:=])[^=:]{0,4}$/;

const keyBefore = (source: TextSource, start: number): string =>
  KEY.exec(source.lines.before(start, 80))?.[1] ?? '';

/** Turns matches into findings: without what is allowed, masked, with an identity. */
export class FileFindings {
  readonly findings: Finding[] = [];
  private readonly counts = { inline: 0, policy: 0 };
  private readonly allowList: AllowList;
  private readonly maskNames: TextMatcher;

  constructor(allowList: AllowList, maskNames: TextMatcher) {
    this.allowList = allowList;
    this.maskNames = maskNames;
  }

  get suppressed(): { readonly inline: number; readonly policy: number } {
    return { ...this.counts };
  }

  async add(source: TextSource, matches: readonly Match[]): Promise<void> {
    if (matches.length === 0) return;
    const ignored = readInlineIgnores(source);
    const file = await maskPath(source.path, this.maskNames);
    const ofRule = new Map<string, number>();
    const ofKey = new Map<string, number>();
    for (const match of matches) {
      const line = source.lines.lineAt(match.start);
      if (this.isSuppressed(match.rule, line, source, ignored)) continue;
      const seen = (ofRule.get(match.rule) ?? 0) + 1;
      ofRule.set(match.rule, seen);
      if (seen > MAX_PER_RULE_AND_FILE) {
        this.countOneMore(match.rule, file);
        continue;
      }
      const key = `${match.rule} ${keyBefore(source, match.start)}`;
      const ordinal = (ofKey.get(key) ?? 0) + 1;
      ofKey.set(key, ordinal);
      const { severity, title, fix, id } = getRule(match.rule);
      this.findings.push({
        rule: id,
        severity: match.severity ?? severityIn(source, severity),
        title,
        place: { file, line },
        sample: await this.sampleOf(match, source),
        fix,
        fingerprint: fingerprintOf(['file', file, key, ordinal]),
        count: 1,
      });
    }
  }

  /** Names say what to look for; what was found is masked. */
  private async sampleOf({ label, start, end }: Match, source: TextSource): Promise<string> {
    return label === undefined
      ? maskSample(source.text.slice(start, end))
      : maskText(label.slice(0, MAX_LABEL), this.maskNames);
  }

  private isSuppressed(
    rule: string,
    line: number,
    source: TextSource,
    ignored: ReadonlyMap<number, ReadonlySet<string>>,
  ): boolean {
    if (ignored.get(line)?.has(rule) === true) {
      this.counts.inline += 1;
      return true;
    }
    if (!this.allowList.allows(rule, source.path)) return false;
    this.counts.policy += 1;
    return true;
  }

  private countOneMore(rule: string, file: string): void {
    const index = this.findings.findLastIndex(
      (finding) => finding.rule === rule && 'file' in finding.place && finding.place.file === file,
    );
    const last = this.findings[index];
    if (last !== undefined) this.findings[index] = { ...last, count: last.count + 1 };
  }
}

/** Made-up secrets are at home in tests; a real one among them must still be seen. */
const severityIn = (source: TextSource, severity: Finding['severity']): Finding['severity'] =>
  source.isTest && severity === 'error' ? 'warning' : severity;
