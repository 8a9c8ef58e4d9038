const digitAt = (text: string, index: number): number => text.charCodeAt(index) - 48;

/** Weighted sum of all digits, the check digit's included, is a multiple of `modulus`. */
export const passesWeights = (text: string, weights: readonly number[], modulus: number): boolean =>
  weights.reduce((sum, weight, index) => sum + weight * digitAt(text, index), 0) % modulus === 0 &&
  !/^(\d)\1+$/.test(text);

/** Nine digits that the US has given or could give; not the one that was printed in wallets. */
export const isSocialSecurityShape = (text: string): boolean =>
  /^(?!000|666|9)\d{3}(?!00)\d{2}(?!0000)\d{4}$/.test(text) &&
  text !== '078051120' &&
  text !== '123456789';

/** ICAO 9303: weights 7, 3, 1; letters count from ten. */
export const passesDocumentCheck = (text: string): boolean => {
  const body = text.slice(0, -1);
  if (!/\d/.test(body)) return false;
  const sum = [...body].reduce(
    (total, character, index) =>
      total + Number.parseInt(character, 36) * ([7, 3, 1][index % 3] ?? 0),
    0,
  );
  return sum % 10 === digitAt(text, text.length - 1);
};

export const passesSpanishLetter = (text: string): boolean => {
  const plain = text.replace('-', '');
  const number = Number(
    plain.slice(0, -1).replace(/^[XYZ]/, (letter) => String('XYZ'.indexOf(letter))),
  );
  return 'TRWAGMYFPDXBNJZSQVHLCKE'[number % 23] === plain.at(-1);
};

const ODD_VALUES = [
  1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23,
];

export const passesFiscalCodeLetter = (text: string): boolean => {
  const valueOfCharacter = (character: string): number =>
    /\d/.test(character) ? Number(character) : character.charCodeAt(0) - 65;
  const sum = [...text.slice(0, 15)].reduce(
    (total, character, index) =>
      total +
      (index % 2 === 0
        ? (ODD_VALUES[valueOfCharacter(character)] ?? 0)
        : valueOfCharacter(character)),
    0,
  );
  return String.fromCharCode(65 + (sum % 26)) === text.at(-1);
};

export const passesFrenchKey = (text: string): boolean => {
  const plain = text.replaceAll(' ', '');
  return 97 - (Number(plain.slice(0, 13)) % 97) === Number(plain.slice(13));
};

export const passesUkrainianCheck = (text: string): boolean => {
  const weights = [-1, 5, 7, 9, 4, 6, 10, 5, 7];
  const sum = weights.reduce((total, weight, index) => total + weight * digitAt(text, index), 0);
  return (((sum % 11) + 11) % 11) % 10 === digitAt(text, 9) && !/^(\d)\1+$/.test(text);
};

export const passesCpfCheck = (text: string): boolean => {
  const check = (length: number): number => {
    let sum = 0;
    for (let index = 0; index < length; index += 1)
      sum += digitAt(text, index) * (length + 1 - index);
    return ((sum * 10) % 11) % 10;
  };
  return (
    check(9) === digitAt(text, 9) && check(10) === digitAt(text, 10) && !/^(\d)\1+$/.test(text)
  );
};

export const passesChineseCheck = (text: string): boolean => {
  const weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
  const sum = weights.reduce((total, weight, index) => total + weight * digitAt(text, index), 0);
  return '10X98765432'[sum % 11] === text.at(-1);
};
