import { stripVTControlCharacters, styleText } from 'node:util';
import type { TextStream } from './invocation.ts';

export type Style = Parameters<typeof styleText>[0];

/**
 * Text that came from outside, on one line and without the control characters
 * by which it could repaint the reader's terminal.
 */
export const plainText = (text: string): string =>
  stripVTControlCharacters(text)
    .replaceAll(/\s*[\r\n]+\s*/g, ' ')
    .replaceAll(/[\p{Cc}\p{Cf}]/gu, '');

/** Coloured on a terminal that wants colours (NO_COLOR and FORCE_COLOR are heeded), else as it is. */
export const styled = (stream: TextStream, style: Style, text: string): string =>
  stream.isTTY === true ? styleText(style, text, { stream }) : text;

export const printLine = (stream: TextStream, text = ''): void => {
  stream.write(`${text}\n`);
};

export const printJson = (stream: TextStream, value: unknown): void => {
  stream.write(`${JSON.stringify(value, null, 2)}\n`);
};

const cellWidth = (text: string): number => [...text].length;

/** Cells made plain, and padded but for a line's end. */
const padCells = (
  header: readonly string[],
  rows: readonly (readonly string[])[],
): readonly (readonly string[])[] => {
  const cells = [header, ...rows.map((row) => row.map(plainText))];
  const widths = header.map((_title, column) =>
    Math.max(...cells.map((row) => cellWidth(row[column] ?? ''))),
  );
  return cells.map((row) =>
    row.map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - cellWidth(cell))),
  );
};

const joinCells = (cells: readonly string[]): string => cells.join('  ').trimEnd();

/** Columns aligned by spaces; the last one is not padded. Cells are made plain here. */
export const formatTable = (
  header: readonly string[],
  rows: readonly (readonly string[])[],
): readonly string[] => padCells(header, rows).map(joinCells);

/** `styleOf` colours cells by their row and column, both from 0. */
export const printTable = (
  stream: TextStream,
  header: readonly string[],
  rows: readonly (readonly string[])[],
  styleOf: (row: number, column: number) => Style | null = () => null,
): void => {
  const [head = [], ...body] = padCells(header, rows);
  printLine(stream, styled(stream, 'bold', joinCells(head)));
  body.forEach((cells, row) => {
    const styledCells = cells.map((cell, column) => {
      const style = styleOf(row, column);
      return style === null ? cell : styled(stream, style, cell);
    });
    printLine(stream, joinCells(styledCells));
  });
};

/** `850 ms`, `12.3 s`, `4 min 05 s`, `2 h 03 min`. */
export const formatDuration = (ms: number): string => {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  const pad = (value: number): string => String(value).padStart(2, '0');
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${pad(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${pad(Math.floor((seconds % 3600) / 60))} min`;
};

/** `2026-11-05 09:00:00Z`, or a dash. */
export const formatInstant = (instant: Date | null): string =>
  instant === null ? '-' : `${instant.toISOString().slice(0, 19).replace('T', ' ')}Z`;
