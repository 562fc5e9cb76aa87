/** From text and a font file to an outline, with HarfBuzz: accents, vowel signs and ligatures land where they belong. */
import type * as HarfBuzz from 'harfbuzzjs';
import { type Outline, Pen } from './outline.ts';

// Medium: at 24 pixels a regular stem is thinner than a pixel. It also has to be set at all: the
// Korean, Chinese and Japanese fonts come in their thinnest weight otherwise.
const WEIGHT = 500;

export type Font = {
  /** @returns undefined when the font lacks a part of the text, or when nothing of it is visible */
  outline(text: string): Outline | undefined;
};

/** HarfBuzz and the unpacker are loaded with the first font, not before: WebAssembly most never need. */
export async function openFont(woff2: Buffer): Promise<Font> {
  const [hb, { default: decompress }] = await Promise.all([
    import('harfbuzzjs'),
    import('woff2-encoder/decompress'),
  ]);
  const face = new hb.Face(new hb.Blob(await decompress(woff2)));
  const font = new hb.Font(face);
  font.setVariations([new hb.Variation('wght', WEIGHT)]);
  return { outline: (text) => outline(hb, font, face.upem, text) };
}

function outline(
  hb: typeof HarfBuzz,
  font: HarfBuzz.Font,
  unitsPerEm: number,
  text: string,
): Outline | undefined {
  const buffer = new hb.Buffer();
  buffer.addText(text);
  buffer.guessSegmentProperties();
  // Otherwise taken from the machine's locale, and letters would differ from machine to machine.
  buffer.setLanguage('und');
  buffer.setFlags(hb.BufferFlag.DO_NOT_INSERT_DOTTED_CIRCLE);
  hb.shape(font, buffer);
  const glyphs = buffer.getGlyphInfos();
  if (glyphs.some(({ codepoint }) => codepoint === NOT_DEFINED)) return undefined;
  const positions = buffer.getGlyphPositions();
  const pen = new Pen();
  let [x, y] = [0, 0];
  for (const [index, { codepoint: glyph }] of glyphs.entries()) {
    const position = positions[index];
    if (position === undefined) continue;
    draw(pen, font.glyphToJson(glyph), x + position.xOffset, y + position.yOffset, 1 / unitsPerEm);
    x += position.xAdvance;
    y += position.yAdvance;
  }
  const contours = pen.finish();
  return contours.length === 0 ? undefined : contours;
}

/** The glyph of the empty box. */
const NOT_DEFINED = 0;

function draw(
  pen: Pen,
  commands: readonly HarfBuzz.SvgPathCommand[],
  x: number,
  y: number,
  scale: number,
): void {
  for (const { type, values } of commands) {
    // Fonts count upwards, pictures downwards.
    const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = values.map((value, index) =>
      index % 2 === 0 ? (value + x) * scale : -(value + y) * scale,
    );
    switch (type) {
      case 'M':
        pen.moveTo(a, b);
        break;
      case 'L':
        pen.lineTo(a, b);
        break;
      case 'Q':
        pen.quadraticTo(a, b, c, d);
        break;
      case 'C':
        pen.cubicTo(a, b, c, d, e, f);
        break;
      default:
        pen.close();
    }
  }
}
