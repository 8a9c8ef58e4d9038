/** A name in the arguments of a call, with the calls it is wrapped in. */
export interface ArgumentName {
  /** The last step of a path: `token` of `req.session.token`. */
  readonly name: string;
  readonly start: number;
  readonly end: number;
  /** Functions between the call and the name, outermost first: `mask` in `log(mask(token))`. */
  readonly wrappers: readonly string[];
}

export interface CallArguments {
  readonly names: readonly ArgumentName[];
  /** Behind the closing bracket, or where looking stopped. */
  readonly end: number;
}

/** Longer argument lists are read so far. */
const MAX_LENGTH = 2_000;

const WORD_START = /[A-Za-z_$]/;
const WORD_PART = /[\w$]/;
const LITERAL_AFTER = /\s{0,4}[:=]\s{0,4}["'`](?:\*|\[|<|x{3}|redacted|hidden|masked)/iy;
const CALL_AFTER = /\s{0,4}\(/y;
const STEP_AFTER = /\s{0,4}\??\.\s{0,4}[A-Za-z_$]/y;
const KEY_WITH_VALUE = /\s{0,4}:(?!:)\s{0,4}/y;

const isAt = (pattern: RegExp, text: string, at: number): boolean => {
  pattern.lastIndex = at;
  return pattern.test(text);
};

/** Skips a literal; of a template, or an f-string of Python, the parts in braces are code and are read. */
class ArgumentReader {
  private readonly text: string;
  private readonly limit: number;
  private readonly names: ArgumentName[] = [];
  private readonly wrappers: (string | null)[] = [];
  private at: number;

  constructor(text: string, start: number) {
    this.text = text;
    this.at = start;
    this.limit = Math.min(text.length, start + MAX_LENGTH);
  }

  read(): CallArguments {
    let lastName: string | null = null;
    while (this.at < this.limit) {
      const character = this.text[this.at] ?? '';
      if (character === ')') {
        if (this.wrappers.length === 0) break;
        this.wrappers.pop();
        this.at += 1;
      } else if (character === '(') {
        this.wrappers.push(lastName);
        this.at += 1;
      } else if (character === '"' || character === "'" || character === '`') {
        this.skipLiteral(character);
      } else if (WORD_START.test(character)) {
        lastName = this.readWord();
        continue;
      } else this.at += 1;
      if (!/\s/.test(character)) lastName = null;
    }
    return { names: this.names, end: Math.min(this.at + 1, this.text.length) };
  }

  private readWord(): string {
    const start = this.at;
    while (this.at < this.limit && WORD_PART.test(this.text[this.at] ?? '')) this.at += 1;
    const name = this.text.slice(start, this.at);
    const opensFormat = /^(?:f|rf|fr)$/i.test(name) && /["']/.test(this.text[this.at] ?? '');
    if (opensFormat) this.readPythonFormat();
    else if (!this.isPassedOver() && !this.isAskedAbout(start)) this.addName(name, start, this.at);
    return name;
  }

  /** A function's name, a step that is not the last, a key whose value speaks for itself, a masked literal. */
  private isPassedOver(): boolean {
    return (
      isAt(CALL_AFTER, this.text, this.at) ||
      isAt(STEP_AFTER, this.text, this.at) ||
      isAt(LITERAL_AFTER, this.text, this.at) ||
      this.hasHarmlessValue()
    );
  }

  /** `!!token` and `typeof token` tell whether it is there. */
  private isAskedAbout(start: number): boolean {
    return /(?:!|typeof )[\w$.?]{0,60}$/.test(this.text.slice(Math.max(0, start - 70), start));
  }

  /** `token: mask(token)` and `token: null` say by their value whether the secret is there. */
  private hasHarmlessValue(): boolean {
    if (!isAt(KEY_WITH_VALUE, this.text, this.at)) return false;
    const value = this.text.slice(KEY_WITH_VALUE.lastIndex, KEY_WITH_VALUE.lastIndex + 60);
    return (
      /^(?:!!|null\b|undefined\b|true\b|false\b|\d|typeof\b|Boolean\()/.test(value) ||
      /^[\w$.?]{0,40}(?:mask|redact|hash|sha|digest|length|size|len|count|boolean|scrub|hide)\w*\b/i.test(
        value,
      )
    );
  }

  private addName(name: string, start: number, end: number): void {
    const wrappers = this.wrappers.filter((one) => one !== null);
    this.names.push({ name, start, end, wrappers });
  }

  private skipLiteral(quote: string): void {
    this.at += 1;
    while (this.at < this.limit) {
      const character = this.text[this.at] ?? '';
      if (character === '\\') this.at += 2;
      else if (character === quote) {
        this.at += 1;
        return;
      } else if (quote !== '`' && character === '\n') return;
      else if (quote === '`' && character === '$' && this.text[this.at + 1] === '{')
        this.readBraces();
      else this.at += 1;
    }
  }

  private readPythonFormat(): void {
    const quote = this.text[this.at] ?? '';
    this.at += 1;
    while (this.at < this.limit && this.text[this.at] !== quote && this.text[this.at] !== '\n') {
      if (this.text[this.at] === '{') this.readBraces();
      else this.at += 1;
    }
    this.at += 1;
  }

  /** The names of `${…}` or `{…}`; nested templates are read no deeper. */
  private readBraces(): void {
    const from = this.at;
    const close = this.text.indexOf('}', from);
    const end = close === -1 || close > this.limit ? this.limit : close;
    const inner = new ArgumentReader(
      this.text.slice(0, end),
      from + (this.text[from] === '$' ? 2 : 1),
    );
    this.names.push(...inner.read().names);
    this.at = end + 1;
  }
}

/** Reads the arguments of a call from behind its opening bracket; never looks further than 2,000 characters. */
export const readCallArguments = (text: string, start: number): CallArguments =>
  new ArgumentReader(text, start).read();
