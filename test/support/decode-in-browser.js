/**
 * Runs in a page of Chromium for `browser-decoder.ts`: decodes a picture as people are shown it (upright,
 * in sRGB, its first frame) and posts the pixels of the square in its middle, four bytes each.
 *
 * @param {string} name of the picture, on the server that the page is from
 * @param {number} most edge of the square above which it is halved, or made a third, and so on
 * @returns {Promise<{ width: number, height: number, edge: number }>} of the picture; of what was posted
 */
// oxlint-disable-next-line no-unused-vars -- called by its name
async function decode(name, most) {
  const reply = await fetch(`/encoded/${name}`);
  const bitmap = await createImageBitmap(await reply.blob());
  const { width, height } = bitmap;
  const square = Math.min(width, height);
  const edge = Math.floor(square / Math.max(1, Math.floor(square / most)));
  const context = new OffscreenCanvas(edge, edge).getContext('2d');
  context.imageSmoothingEnabled = edge < square;
  context.imageSmoothingQuality = 'high';
  const [left, top] = [Math.ceil((width - square) / 2), Math.ceil((height - square) / 2)];
  context.drawImage(bitmap, left, top, square, square, 0, 0, edge, edge);
  bitmap.close();
  const { data } = context.getImageData(0, 0, edge, edge);
  await fetch(`/decoded/${name}`, { method: 'POST', body: data });
  return { width, height, edge };
}
