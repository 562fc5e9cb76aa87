/** What a letter avatar shows, and in which colour: Discourse's own rules. Pure. */
import { createHash } from 'node:crypto';
import type { Rgb } from '../vocabulary/letter.ts';
import { downcase } from './downcase.ts';
import { PALETTE } from './palette.ts';

/** Made with the first letter: it takes as long as all else in this file, and more memory. */
let graphemes: Intl.Segmenter | undefined;

// A first grapheme is looked for in so many UTF-16 units: one can be built thousands of units long,
// and no letter of any script needs more.
const LONGEST_SEARCH = 64;

/**
 * The letter for a user name, or for the letter a client asked for: composed (NFC), first grapheme
 * cluster, upper case. What has no single letter in upper case (ß, ŉ, ligatures) stays as it is.
 * @returns '' for an empty text
 */
export function letterOf(text: string): string {
  const letter = firstGrapheme(text.slice(0, LONGEST_SEARCH).toWellFormed().normalize('NFC'));
  const upper = letter.toUpperCase().normalize('NFC');
  return firstGrapheme(upper) === upper ? upper : letter;
}

/**
 * The background Discourse gives a user without a picture, whatever the letter case of the name.
 */
export function colourOf(username: string): Rgb {
  const digest = createHash('md5')
    .update(downcase(username.normalize('NFC')))
    .digest('hex');
  // 60 bits: beyond what a double holds exactly.
  const index = BigInt(`0x${digest.slice(0, 15)}`) % BigInt(PALETTE.length);
  const colour = rgbOf(PALETTE[Number(index)] ?? '');
  if (colour === undefined) throw new Error('the palette of letter avatars is malformed');
  return colour;
}

/** @param hex six hexadecimal digits, as in the address of a letter avatar; undefined for others */
export function rgbOf(hex: string): Rgb | undefined {
  if (!/^[0-9a-f]{6}$/i.test(hex)) return undefined;
  const value = Number.parseInt(hex, 16);
  return [value >> 16, (value >> 8) & 0xff, value & 0xff];
}

function firstGrapheme(text: string): string {
  graphemes ??= new Intl.Segmenter('en', { granularity: 'grapheme' });
  for (const { segment } of graphemes.segment(text)) return segment;
  return '';
}
