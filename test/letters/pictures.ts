/** What the tests of letter avatars measure on pixels. */
import { letterOf } from '../../src/discourse/letter-rules.ts';
import { drawLetter } from '../../src/letters/draw.ts';
import type { Rgb } from '../../src/vocabulary/letter.ts';

/** Dark, so that the least ink shows in the red channel. */
const DARK: Rgb = [0, 60, 120];

export type Ink = {
  readonly left: number;
  readonly top: number;
  /** Beyond the last pixel with ink. */
  readonly right: number;
  readonly bottom: number;
  /** How far the middle of the ink's box is off the square's, in parts of the square. */
  readonly boxOff: number;
  /** The same of its centre of gravity. */
  readonly gravityOff: number;
  /** Pixels, partly covered ones in part. */
  readonly amount: number;
};

export async function pixelsOf(text: string, size: number): Promise<Buffer> {
  return (await drawLetter({ letter: letterOf(text), colour: DARK, size })).pixels;
}

export async function inkOf(text: string, size = 288): Promise<Ink> {
  const pixels = await pixelsOf(text, size);
  let [left, top, right, bottom] = [size, size, 0, 0];
  let [amount, x, y] = [0, 0, 0];
  for (let at = 0; at < size * size; at++) {
    const ink = (pixels[at * 3] ?? 0) / 0xcc;
    if (ink === 0) continue;
    const [column, row] = [at % size, Math.floor(at / size)];
    left = Math.min(left, column);
    right = Math.max(right, column + 1);
    top = Math.min(top, row);
    bottom = Math.max(bottom, row + 1);
    amount += ink;
    x += ink * (column + 0.5);
    y += ink * (row + 0.5);
  }
  const off = (middle: number): number => Math.abs(middle / size - 0.5);
  return {
    left,
    top,
    right,
    bottom,
    boxOff: Math.max(off((left + right) / 2), off((top + bottom) / 2)),
    gravityOff: Math.max(off(x / amount), off(y / amount)),
    amount,
  };
}

/** Some letters of each script, written with commas so that none hides in another's cluster. */
export const SCRIPTS = {
  latin: 'A,B,C,D,E,F,G,H,I,J,K,L,M,N,O,P,Q,R,S,T,U,V,W,X,Y,Z,Å,Ẹ,Ğ,Ł,Þ',
  cyrillic: 'А,Б,Д,Ж,Й,Ф,Щ,Ы,Ю,Я,Є,Ђ',
  greek: 'Α,Γ,Δ,Θ,Ξ,Σ,Φ,Ψ,Ω,Έ',
  hangul: '가,나,다,마,바,사,아,자,차,하,한,김,이,박,최,뷁,뙠,힣,쀍',
  kana: 'あ,い,き,さ,の,ぷ,ん,ア,ク,シ,ヌ,ヲ,ヴ',
  han: '漢,字,田,中,王,李,龍,鬱,刘,陈,赵,國,辻,髙,口,邉,釗',
  arabic: 'ا,ب,ج,س,ص,ع,ق,ل,م,ي,آ,پ',
  hebrew: 'א,ב,ד,ז,ט,ל,ק,ש,ת',
  thai: 'ก,ข,ค,จ,ช,ด,เ,ที่,ปู่,ก็',
  devanagari: 'अ,आ,क,ग,त,न,म,र,कि,नी,क्ष,श्री',
} as const;
