/**
 * Draws the demo avatars: one of each kind that originals come in. `npm run draw-demo` writes them
 * to `demo/`, laid out as the default locator expects: HOST/USER/ID.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import sharp, { type Sharp } from 'sharp';

type Drawing = { readonly path: string; readonly draw: () => Promise<Buffer> };

const DRAWINGS: readonly Drawing[] = [
  {
    path: 'meta.discourse.org/jongnam/52330_1',
    draw: () => portrait(800, 800, 215).jpeg({ quality: 90 }).toBuffer(),
  },
  { path: 'demo/photo/1', draw: () => portrait(1600, 1200, 25).jpeg({ quality: 88 }).toBuffer() },
  { path: 'demo/owl/2', draw: () => svg(owl()).png().toBuffer() },
  { path: 'demo/tall/3', draw: () => portrait(400, 900, 130).webp({ quality: 85 }).toBuffer() },
  { path: 'demo/wide/4', draw: () => portrait(1200, 360, 280).jpeg({ quality: 85 }).toBuffer() },
  {
    path: 'demo/tiny/5',
    draw: () =>
      pixels(['.#..#.', '######', '#.##.#', '######', '.#..#.', '##..##']).png().toBuffer(),
  },
  { path: 'demo/sideways/6', draw: () => sideways() },
  { path: 'demo/blinking/7', draw: () => blinking() },
  {
    path: 'demo/palette/8',
    draw: () => svg(tiles()).png({ palette: true, colours: 8 }).toBuffer(),
  },
  {
    path: 'demo/Łukasz 🦉 유니코드/9',
    draw: () => portrait(512, 512, 340).avif({ quality: 60 }).toBuffer(),
  },
];

for (const { path, draw } of DRAWINGS) {
  const file = join(import.meta.dirname, '..', 'demo', path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, await draw());
}

function svg(source: string): Sharp {
  return sharp(Buffer.from(source));
}

/** Somebody before a window at dusk: soft light, skin, hair and grain, as in a photo. */
function portrait(width: number, height: number, hue: number): Sharp {
  const unit = Math.min(width, height) / 100;
  const [x, y] = [width / 2, height / 2];
  const at = (dx: number, dy: number): string => `cx="${x + dx * unit}" cy="${y + dy * unit}"`;
  return svg(`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">
    <defs>
      <linearGradient id="sky" x2="0" y2="1">
        <stop stop-color="hsl(${hue},45%,72%)"/><stop offset="1" stop-color="hsl(${hue + 40},40%,34%)"/>
      </linearGradient>
      <radialGradient id="skin" cx=".38" cy=".32" r=".8">
        <stop stop-color="#f6cfae"/><stop offset=".7" stop-color="#c98f68"/><stop offset="1" stop-color="#8a5a3f"/>
      </radialGradient>
      <filter id="soft"><feGaussianBlur stdDeviation="${unit * 0.7}"/></filter>
      <filter id="far"><feGaussianBlur stdDeviation="${unit * 5}"/></filter>
      <filter id="grain" x="0" y="0" width="1" height="1">
        <feTurbulence type="fractalNoise" baseFrequency=".8" numOctaves="2" seed="${hue}"/>
        <feColorMatrix values="0 0 0 0 .5  0 0 0 0 .5  0 0 0 0 .5  .35 0 0 0 0"/>
      </filter>
    </defs>
    <rect width="100%" height="100%" fill="url(#sky)"/>
    <g filter="url(#far)">
      <circle ${at(-70, -25)} r="${unit * 22}" fill="hsl(${hue + 60},70%,78%)"/>
      <circle ${at(62, -8)} r="${unit * 17}" fill="hsl(${hue - 40},60%,62%)"/>
      <circle ${at(30, -44)} r="${unit * 9}" fill="#fff3d0"/>
    </g>
    <g filter="url(#soft)">
      <ellipse ${at(0, 62)} rx="${unit * 40}" ry="${unit * 34}" fill="hsl(${hue + 180},35%,36%)"/>
      <ellipse ${at(0, -14)} rx="${unit * 26}" ry="${unit * 28}" fill="hsl(${hue / 12},45%,17%)"/>
      <rect x="${x - unit * 8}" y="${y + unit * 12}" width="${unit * 16}" height="${unit * 22}" rx="${unit * 7}" fill="#b57d58"/>
      <ellipse ${at(0, -4)} rx="${unit * 20}" ry="${unit * 25}" fill="url(#skin)"/>
      <path d="M${x - unit * 21} ${y - unit * 12} q${unit * 16} ${-unit * 22} ${unit * 42} 0 q${-unit * 18} ${-unit * 8} ${-unit * 42} 0" fill="hsl(${hue / 12},45%,20%)"/>
      <path d="M${x - unit * 8} ${y + unit * 9} q${unit * 8} ${unit * 6} ${unit * 16} 0" stroke="#8c3f35" stroke-width="${unit * 1.8}" fill="none" stroke-linecap="round"/>
    </g>
    <g fill="#2b1d18">
      <circle ${at(-8, -6)} r="${unit * 2.1}"/><circle ${at(8, -6)} r="${unit * 2.1}"/>
    </g>
    <g fill="#fff"><circle ${at(-7.3, -6.8)} r="${unit * 0.6}"/><circle ${at(8.7, -6.8)} r="${unit * 0.6}"/></g>
    <rect width="100%" height="100%" filter="url(#grain)"/>
  </svg>`);
}

/** On nothing at all: its corners and the gap below the wings are transparent. */
function owl(): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" width="480" height="480" viewBox="0 0 48 48">
    <path d="M8 4l8 7h16l8-7-2 20c2 12-6 20-14 20S8 36 10 24z" fill="#5b4636"/>
    <ellipse cx="24" cy="33" rx="9" ry="9" fill="#d9c3a5"/>
    <circle cx="17" cy="19" r="7" fill="#fff6e5"/><circle cx="31" cy="19" r="7" fill="#fff6e5"/>
    <circle cx="17" cy="19" r="3.4" fill="#f0a020"/><circle cx="31" cy="19" r="3.4" fill="#f0a020"/>
    <circle cx="17" cy="19" r="1.7"/><circle cx="31" cy="19" r="1.7"/>
    <path d="M24 22l2.4 4L24 29l-2.4-3z" fill="#e0862c"/>
  </svg>`;
}

function tiles(): string {
  const colours = ['#264653', '#2a9d8f', '#e9c46a', '#f4a261', '#e76f51'];
  const squares = Array.from({ length: 25 }, (_, index) => {
    const [column, row] = [index % 5, Math.floor(index / 5)];
    // Mirrored left to right, so that it has a face.
    const colour = colours[(Math.min(column, 4 - column) * 3 + row * row) % colours.length];
    return `<rect x="${column * 64}" y="${row * 64}" width="64" height="64" fill="${colour}"/>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="320" height="320">${squares.join('')}</svg>`;
}

/** A few pixels in all, so that every size but the smallest is enlarged. */
function pixels(rows: readonly string[]): Sharp {
  const width = rows[0]?.length ?? 0;
  const data = rows.flatMap((row) =>
    Array.from(row).flatMap((mark) => (mark === '#' ? [94, 53, 177] : [255, 236, 179])),
  );
  return sharp(Buffer.from(data), { raw: { width, height: rows.length, channels: 3 } });
}

/** As a phone held upright stores it: turned, with a note in the EXIF block which way is up. */
async function sideways(): Promise<Buffer> {
  const upright = await portrait(900, 1200, 60).png().toBuffer();
  return await sharp(upright)
    .rotate(-90)
    .withExif({
      IFD0: { Make: 'avatar-proxy', Copyright: 'CC0' },
      IFD3: { GPSLatitudeRef: 'N', GPSLatitude: '47/1 22/1 0/1' },
    })
    .withMetadata({ orientation: 6 })
    .jpeg({ quality: 88 })
    .toBuffer();
}

/** Three frames; still sizes show the first. */
async function blinking(): Promise<Buffer> {
  const frames = await Promise.all(
    [owl(), owl().replaceAll('r="3.4"', 'r="1"').replaceAll('r="1.7"', 'r=".4"'), owl()].map(
      (frame) => svg(frame).flatten({ background: '#7fb7be' }).resize(200, 200).png().toBuffer(),
    ),
  );
  return await sharp(frames, { join: { animated: true } })
    .gif({ delay: [900, 120, 400], loop: 0 })
    .toBuffer();
}
