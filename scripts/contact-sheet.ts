/**
 * Draws letter avatars of all scripts on one picture, to be looked at: nothing may be clipped, no
 * box empty, every letter in the middle. `npm run contact-sheet [FILE.png]`
 */
import sharp, { type OverlayOptions } from 'sharp';
import { drawLetter } from '../src/letters/draw.ts';
import { colourOf, letterOf } from '../src/discourse/letter-rules.ts';

const ROWS = [
  'ABCDEFGHIJKLMN',
  'OPQRSTUVWXYZÅẸ',
  'ÇĞIŁØŘŠÞŸẤ0479',
  'АБДЖЗЙФЦШЩЫЭЮЯ',
  'ΑΓΔΘΛΞΠΣΥΦΧΨΩΈ',
  '가나다라마바사아자차카한뷁힣',
  'あいかさのふりんアクシヌヲヴ',
  '漢字田中王李龍鬱刘陈一口邉釗',
  ['ا', 'ب', 'ج', 'د', 'س', 'ص', 'ع', 'غ', 'ف', 'ق', 'ل', 'م', 'ي', 'آ'],
  'אבגדהזחטלמצקשת',
  ['ก', 'ข', 'ค', 'ง', 'จ', 'ช', 'ด', 'ต', 'ท', 'เ', 'ที่', 'ปู่', 'ก็', 'ญ'],
  ['अ', 'आ', 'क', 'ग', 'च', 'त', 'द', 'न', 'म', 'र', 'कि', 'नी', 'क्ष', 'श्री'],
  ['', '😀', 'ß', '_', '-', '.', '7', '١', '५', 'Ａ', 'ｱ', 'ਕ', 'é', 'e\u0323\u0302'],
] as const;
const SIZES = [24, 32, 48, 72, 96, 144, 288];
const SIZED = ['g', '한', '鬱', 'क्ष', ''];

const CELL = 72;
const GAP = 6;

type Cell = {
  readonly text: string;
  readonly size: number;
  readonly left: number;
  readonly top: number;
};

function cells(): Cell[] {
  const letters = ROWS.flatMap((row, y) =>
    Array.from(row, (text, x) => ({
      text,
      size: CELL,
      left: GAP + x * (CELL + GAP),
      top: GAP + y * (CELL + GAP),
    })),
  );
  let top = GAP + ROWS.length * (CELL + GAP);
  const sized = SIZED.flatMap((text) => {
    let left = GAP;
    const row = SIZES.slice(0, -1).map((size) => {
      const cell = { text, size, left, top };
      left += size + GAP;
      return cell;
    });
    top += (SIZES.at(-2) ?? 0) + GAP;
    return row;
  });
  const large = SIZED.slice(0, 2).map((text, y) => ({
    text,
    size: SIZES.at(-1) ?? 0,
    left: GAP + 7 * (CELL + GAP),
    top: GAP + ROWS.length * (CELL + GAP) + y * ((SIZES.at(-1) ?? 0) + GAP),
  }));
  return [...letters, ...sized, ...large];
}

const placed = cells();
const pictures: OverlayOptions[] = [];
for (const { text, size, left, top } of placed) {
  const { pixels, width, height, channels } = await drawLetter({
    letter: letterOf(text),
    colour: colourOf(text),
    size,
  });
  pictures.push({ input: pixels, raw: { width, height, channels }, left, top });
}
const file = process.argv[2] ?? 'contact-sheet.png';
await sharp({
  create: {
    width: Math.max(...placed.map(({ left, size }) => left + size)) + GAP,
    height: Math.max(...placed.map(({ top, size }) => top + size)) + GAP,
    channels: 3,
    background: '#ffffff',
  },
})
  .composite(pictures)
  .png()
  .toFile(file);
process.stdout.write(`${file}: ${placed.length} letter avatars\n`);
