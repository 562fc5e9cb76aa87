import { describe, expect, it } from 'vitest';
import { colourOf, letterOf, rgbOf } from '../../src/discourse/letter-rules.ts';

describe('the letter of a name', () => {
  it.each([
    ['bob', 'B'],
    ['Bob', 'B'],
    ['łukasz', 'Ł'],
    ['яна', 'Я'],
    ['ωmega', 'Ω'],
    ['강민', '강'],
    ['漢字', '漢'],
    ['7of9', '7'],
    ['_hidden', '_'],
  ])('of %s is %s', (name, letter) => {
    expect(letterOf(name)).toBe(letter);
  });

  it('is composed, however it was typed', () => {
    expect(letterOf('e\u0301ric')).toBe('É');
    expect(letterOf('\u1112\u1161\u11ab')).toBe('한');
  });

  it('is a whole cluster: signs, conjuncts and joined emoji stay together', () => {
    expect(letterOf('किताब')).toBe('कि');
    expect(letterOf('ที่')).toBe('ที่');
    expect(letterOf('👩‍🚀 crew')).toBe('👩‍🚀');
    expect(letterOf('🇰🇷🇫🇷')).toBe('🇰🇷');
  });

  it('keeps the case of what has no single capital', () => {
    expect(letterOf('ßeta')).toBe('ß');
    expect(letterOf('ﬁn')).toBe('ﬁ');
  });

  it('stays the same when taken of itself', () => {
    for (const name of ['bob', 'ǆ', 'ΐ', 'ß', 'ŉ', 'ﬃ', 'i̇', 'كتاب', 'កម្ពុជា']) {
      expect(letterOf(letterOf(name))).toBe(letterOf(name));
    }
  });

  it('is empty for an empty name', () => {
    expect(letterOf('')).toBe('');
  });

  it('is found at once in a cluster of a hundred thousand marks', () => {
    expect(letterOf(`e${'\u0301'.repeat(100_000)}`).length).toBeLessThan(100);
  });

  it('survives half a surrogate pair', () => {
    expect(letterOf('\ud83d').isWellFormed()).toBe(true);
  });
});

describe('the colour of a name', () => {
  // As Discourse forums have them in their public pages.
  it.each([
    ['joachim', 'a87d85'],
    ['sunshine', '3ec8ea'],
    ['doc-xie', 'c77e96'],
    ['chendong9416', 'c2a13f'],
    ['lindsey.tam', 'ad7895'],
    ['user1', '5daacb'],
    ['JoeCrozier', 'c4cdca'],
    ['MaxHoges', 'a88e4f'],
    ['AdamRay', 'c0e974'],
  ])('of %s is the one Discourse gives it: %s', (name, hex) => {
    expect(colourOf(name)).toEqual(rgbOf(hex));
  });

  it('does not depend on letter case or composition', () => {
    expect(colourOf('LÖWE')).toEqual(colourOf('lo\u0308we'));
    // The capital of both σ and, at the end of a word, ς.
    expect(colourOf('ΝΙΚΟΣ')).toEqual(colourOf('νικοσ'));
  });

  it('is read from six hexadecimal digits only', () => {
    expect(rgbOf('C67d28')).toEqual([198, 125, 40]);
    for (const text of ['', 'fff', '12345g', '#123456', '1234567']) {
      expect(rgbOf(text)).toBeUndefined();
    }
  });
});
