/** Finds the line of an offset of a text by halving; lines count from 1. */
export class LineIndex {
  private readonly text: string;
  private readonly starts: readonly number[];

  constructor(text: string) {
    this.text = text;
    const starts = [0];
    for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1))
      starts.push(at + 1);
    this.starts = starts;
  }

  lineAt(offset: number): number {
    let low = 0;
    let high = this.starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return low + 1;
  }

  /** Offset of a line's first character. */
  startOf(line: number): number {
    return this.starts[line - 1] ?? this.text.length;
  }

  /** At most `maxChars` of the line before `offset`. */
  before(offset: number, maxChars: number): string {
    const start = this.starts[this.lineAt(offset) - 1] ?? 0;
    return this.text.slice(Math.max(start, offset - maxChars), offset);
  }
}
