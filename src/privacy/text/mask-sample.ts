const LENGTH_CLASSES: readonly (readonly [number, string])[] = [
  [8, 'under 8'],
  [16, '8 to 15'],
  [32, '16 to 31'],
  [64, '32 to 63'],
  [Number.POSITIVE_INFINITY, '64 or more'],
];

const lengthClass = (length: number): string =>
  LENGTH_CLASSES.find(([below]) => length < below)?.[1] ?? '';

/**
 * Enough of a matched text for its owner to recognise it and too little for
 * anybody else: at most two leading characters, none of a short text, and the
 * class of its length instead of the length.
 */
export const maskSample = (matched: string): string => {
  const characters = [...matched.toWellFormed()];
  const shown = characters.length >= 12 ? 2 : characters.length >= 8 ? 1 : 0;
  const head = characters.slice(0, shown).join('');
  return `${head.replace(/[^\p{L}\p{N}+@._-]/gu, '·')}… (${lengthClass(characters.length)} characters)`;
};
