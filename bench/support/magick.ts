/** ImageMagick, as Discourse calls it for an avatar, and as what others are measured against. */

const COVER = '-auto-orient -gravity center -background transparent';

/**
 * But for the colour profile, which Discourse reads from a file. Of an animation it takes the first
 * frame; the format is that of the names' endings.
 * @param quality left to ImageMagick, which takes the original's, when undefined
 */
export function discourseArguments(
  from: string,
  to: string,
  size: number,
  quality: number | undefined,
): string[] {
  const square = `${size}x${size}`;
  return [
    `${from}[0]`,
    ...(quality === undefined ? [] : ['-quality', `${quality}`]),
    ...`${COVER} -thumbnail ${square}^ -extent ${square} -interpolate catrom`.split(' '),
    ...'-unsharp 2x0.5+0.7+0 -interlace none'.split(' '),
    to,
  ];
}

/** Every pixel decoded, Lanczos, nothing else, as a PNG of four channels. */
export function referenceArguments(from: string, to: string, size: number): string[] {
  const square = `${size}x${size}`;
  return [
    `${from}[0]`,
    ...`${COVER} -filter Lanczos -resize ${square}^ -extent ${square} -strip -depth 8`.split(' '),
    `png32:${to}`,
  ];
}
