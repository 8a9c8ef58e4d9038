/** Longest text of others that a report shows in one place. */
const MAX_TEXT_LENGTH = 120;

/** Control characters, line and paragraph separators, and marks that reorder or hide what follows. */
const UNPRINTABLE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not pass.
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff\ufff9-\uffff]/gu;

const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

/** Text of others in one printable line, cut at 120 characters. */
export const printable = (text: string): string => {
  const clean = text.replace(LONE_SURROGATE, '\ufffd').replace(UNPRINTABLE, '\ufffd');
  const characters = [...clean];
  return characters.length <= MAX_TEXT_LENGTH
    ? clean
    : `${characters.slice(0, MAX_TEXT_LENGTH - 1).join('')}…`;
};

/**
 * Text of others as Markdown that shows just that text: no markup, link,
 * HTML, table cell or line of its own comes out of it. Names of tools and
 * agents are written by whoever calls.
 */
export const escapeMarkdown = (text: string): string => {
  const shown = printable(text);
  if (shown.trim() === '') return '(empty)';
  return (
    shown
      .replace(/[&<>]/g, (character) => ENTITIES[character] ?? character)
      .replace(/[\\`*{}[\]#!|~]/g, '\\$&')
      // Between letters an underscore is only itself, and names of tools are full of them.
      .replace(/(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu, '\\_')
      // Renderers turn bare addresses into links; a zero-width break would hide in copies, an entity does not.
      .replace(/:\/\//g, '&#58;//')
      .replace(/@/g, '&#64;')
      .replace(/\bwww\./gi, (match) => `${match.slice(0, -1)}&#46;`)
  );
};

export interface Column {
  readonly title: string;
  readonly align: 'left' | 'right';
}

/** A table whose source is aligned too. Cells are Markdown already; a pipe in them must be escaped. */
export const markdownTable = (
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): string => {
  const widths = columns.map((column, index) =>
    Math.max(3, column.title.length, ...rows.map((row) => (row[index] ?? '').length)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${columns
      .map((column, index) => {
        const cell = cells[index] ?? '';
        const width = widths[index] ?? 3;
        return column.align === 'right' ? cell.padStart(width) : cell.padEnd(width);
      })
      .join(' | ')} |`;
  const rule = `|${columns
    .map((column, index) => {
      const dashes = '-'.repeat((widths[index] ?? 3) + 1);
      return column.align === 'right' ? `${dashes}:` : `${dashes}-`;
    })
    .join('|')}|`;
  return [line(columns.map((column) => column.title)), rule, ...rows.map(line)].join('\n');
};

const group = (digits: string): string => digits.replace(/\B(?=(\d{3})+(?!\d))/g, ',');

/** `12345.678` with two places is `12,345.68`; no locale of the machine takes part. */
export const formatNumber = (value: number, places = 0): string => {
  const [whole = '', fraction] = Math.abs(value).toFixed(places).split('.');
  const isZero = !/[1-9]/.test(whole + (fraction ?? ''));
  const sign = value < 0 && !isZero ? '-' : '';
  return fraction === undefined ? sign + group(whole) : `${sign}${group(whole)}.${fraction}`;
};

/** `0.1234` is `12.3 %`. */
export const formatShare = (share: number, places = 1): string =>
  `${formatNumber(share * 100, places)} %`;

/** `0.1234` is `+12.3 %`; null is `no data`. */
export const formatChange = (change: number | null): string =>
  change === null ? 'no data' : `${change > 0 ? '+' : ''}${formatShare(change)}`;

/** `2023-11-16 09:00` of an ISO instant; reports speak UTC and say so once. */
export const formatInstant = (iso: string): string => iso.slice(0, 16).replace('T', ' ');
