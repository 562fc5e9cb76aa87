/** The samples of a picture that tell something: no alpha where nothing is transparent, grey as grey. */
import type { Channels, Pixels, Survey } from './survey.ts';

export type Samples = {
  readonly channels: Channels;
  readonly hasAlpha: boolean;
  /** From one line to the next: a pixel of zeros, then the line; above the first, a line of zeros. */
  readonly stride: number;
  readonly data: Uint8Array;
};

/** Colours that are fully transparent are none. */
export function gatherSamples(pixels: Pixels, { isGrey, isOpaque }: Survey): Samples {
  const { data: given, channels: givenChannels, width, height } = pixels;
  const colours = isGrey ? 1 : 3;
  const hasAlpha = !isOpaque;
  const channels = channelCount(colours, hasAlpha);
  const stride = (width + 1) * channels;
  const data = new Uint8Array((height + 1) * stride);
  if (isOpaque && channels === givenChannels) {
    // Nothing is left out: whole lines take a third of a millisecond less at 288 pixels, of three in all.
    for (let y = 0; y < height; y += 1) {
      const line = given.subarray(y * width * channels, (y + 1) * width * channels);
      data.set(line, (y + 1) * stride + channels);
    }
    return { channels, hasAlpha, stride, data };
  }
  for (let y = 0, from = 0, to = stride; y < height; y += 1) {
    to += channels;
    for (let x = 0; x < width; x += 1, from += givenChannels, to += channels) {
      const alpha = hasAlpha ? (given[from + givenChannels - 1] ?? 0) : 255;
      if (alpha === 0) continue;
      data[to] = given[from] ?? 0;
      if (colours === 3) {
        data[to + 1] = given[from + 1] ?? 0;
        data[to + 2] = given[from + 2] ?? 0;
      }
      if (hasAlpha) data[to + colours] = alpha;
    }
  }
  return { channels, hasAlpha, stride, data };
}

function channelCount(colours: 1 | 3, hasAlpha: boolean): Channels {
  if (colours === 1) return hasAlpha ? 2 : 1;
  return hasAlpha ? 4 : 3;
}
