import { maskSample } from './mask-sample.ts';
import type { TextMatcher } from './match-text.ts';
import { toValuesSource } from './text-source.ts';

/** `text` with everything that a rule finds in it masked: for names that others chose. */
export const maskText = async (text: string, matchText: TextMatcher): Promise<string> => {
  const source = toValuesSource([text]);
  let masked = '';
  let at = 0;
  for (const { start, end } of await matchText(source)) {
    masked += source.text.slice(at, start) + maskSample(source.text.slice(start, end));
    at = end;
  }
  return masked + source.text.slice(at);
};

const ENDING = /\.[A-Za-z0-9]{1,8}$/;

/** The same for a path, step by step; with its ending a step would pass for a file's name alone. */
export const maskPath = async (file: string, matchText: TextMatcher): Promise<string> => {
  const steps: string[] = [];
  for (const step of file.split('/')) {
    const ending = ENDING.exec(step)?.[0] ?? '';
    const whole = await maskText(step, matchText);
    const stem = step.slice(0, step.length - ending.length);
    steps.push(whole === step ? (await maskText(stem, matchText)) + ending : whole);
  }
  return steps.join('/');
};
