/**
 * A CloudFront Function for the viewer request of `/user_avatar/*`, runtime cloudfront-js-2.0, for a
 * service with AVATAR_NEGOTIATE. Put `Accept` into the cache policy's headers along with it.
 *
 * CloudFront keeps a copy for every value of a header in its cache key, and there are hundreds of Accept.
 * Folded to what they mean for an avatar, three are left: AVIF and WebP, WebP alone, neither. (A fourth,
 * AVIF alone, no browser says.) The rules are those of the service's own src/http/accept.ts.
 *
 * Written in what that runtime documents: no destructuring, no spread, no for…of.
 */
const LONGEST_ACCEPT = 1000;
const RANGE =
  /^[ \t]*(image\/(?:avif|webp|png|\*)|\*\/\*)[ \t]*(?:;[ \t]*q=([01](?:\.\d*)?|\.\d+)[ \t]*)?$/i;

// oxlint-disable-next-line no-unused-vars -- CloudFront calls it
function handler(event) {
  const request = event.request;
  // Addresses with another extension have one picture for all.
  const folded = /\/user_avatar\/.*\.png$/.test(request.uri)
    ? foldAccept(fieldValue(request.headers.accept))
    : '*/*';
  request.headers.accept = { value: folded };
  return request;
}

function fieldValue(header) {
  if (header === undefined) return '';
  if (header.multiValue === undefined) return header.value;
  return header.multiValue.map((line) => line.value).join(',');
}

function foldAccept(accept) {
  if (accept.length > LONGEST_ACCEPT || accept.indexOf('"') !== -1) return '*/*';
  const weights = weightsIn(accept);
  const ofAvif = weightOf(weights, ['image/avif']);
  const ofWebp = weightOf(weights, ['image/webp']);
  const ofPng = weightOf(weights, ['image/png', 'image/*', '*/*']);
  // A client that likes WebP better is not offered AVIF.
  const avif = ofAvif > 0 && ofAvif >= ofPng && ofAvif >= ofWebp ? 'image/avif,' : '';
  const webp = ofWebp > 0 && ofWebp >= ofPng ? 'image/webp,' : '';
  return avif + webp + '*/*';
}

function weightsIn(accept) {
  const weights = {};
  accept.split(',').forEach((text) => {
    const range = RANGE.exec(text);
    if (range === null) return;
    const type = range[1].toLowerCase();
    const weight = range[2] === undefined ? 1 : Number(range[2]);
    if (weight > 1) return;
    weights[type] = weights[type] === undefined ? weight : Math.min(weight, weights[type]);
  });
  return weights;
}

/** That of the first which has one: the more special come first. */
function weightOf(weights, types) {
  for (let index = 0; index < types.length; index += 1) {
    const weight = weights[types[index]];
    if (weight !== undefined) return weight;
  }
  return 0;
}
