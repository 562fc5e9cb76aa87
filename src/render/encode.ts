/** From finished pixels to bytes: what they are decides how they are encoded. */
import sharp, { type Sharp } from 'sharp';
import { encodePng } from './png/encode.ts';
import { type Pixels, survey } from './png/survey.ts';
import {
  avifProfile,
  GIF_PROFILE,
  jpegProfile,
  MOVING_WEBP_PROFILE,
  webpProfile,
} from './profiles.ts';
import type { VariantOrder } from './protocol.ts';

export async function encode(picture: Sharp, { format, size }: VariantOrder): Promise<Buffer> {
  switch (format) {
    case 'png':
      return encodePng(await readPixels(picture));
    case 'jpg':
      return await picture.flatten({ background: '#ffffff' }).jpeg(jpegProfile(size)).toBuffer();
    case 'webp': {
      const pixels = await readPixels(picture);
      return await fromPixels(pixels)
        .webp(webpProfile(size, survey(pixels)))
        .toBuffer();
    }
    case 'avif': {
      const pixels = await readPixels(picture);
      return await fromPixels(pixels)
        .avif(avifProfile(size, survey(pixels)))
        .toBuffer();
    }
    case 'awebp':
      return await picture.webp(MOVING_WEBP_PROFILE).toBuffer();
    case 'gif':
    case 'agif':
      return await picture.gif(GIF_PROFILE).toBuffer();
  }
}

/** Reads pixels in sRGB with 8 bits, alpha not premultiplied. */
export async function readPixels(picture: Sharp): Promise<Pixels> {
  const { data, info } = await picture
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  return { width, height, channels, data };
}

/** Leaves out the `info` that came with the data: it says "premultiplied" of what no longer is. */
export function fromPixels({ width, height, channels, data }: Pixels): Sharp {
  return sharp(data, { raw: { width, height, channels } });
}
