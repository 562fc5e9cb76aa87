/**
 * Decoders on the command line, one for each format (Debian: libjpeg-turbo-progs, netpbm, webp,
 * libavif-bin): none of them is what the service or a browser decodes with.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Pixels } from './colour.ts';
import type { WalkedFormat } from './containers.ts';
import { findProgram } from './programs.ts';

const run = promisify(execFile);

/** By format: from the file `$1` to a PAM or PNM of the name `$2`. */
const COMMANDS: Readonly<Record<WalkedFormat, string>> = {
  png: 'pngtopam -alphapam "$1" > "$2"',
  jpg: 'djpeg -pnm -outfile "$2" "$1"',
  webp: 'dwebp -quiet -pam "$1" -o "$2"',
  avif: 'avifdec --jobs 1 "$1" "$2.png" > /dev/null && pngtopam -alphapam "$2.png" > "$2"',
};

const missing = ['pngtopam', 'djpeg', 'dwebp', 'avifdec'].filter(
  (name) => findProgram(name) === undefined,
);

export const hasCommandDecoders = missing.length === 0;

if (!hasCommandDecoders && process.env['REQUIRE_DECODERS'] === '1') {
  throw new Error(`REQUIRE_DECODERS=1, and there is no ${missing.join(', no ')}`);
}

export type Encoded = { readonly format: WalkedFormat; readonly bytes: Buffer };

/**
 * All of them, with one shell.
 * @throws Error with what a decoder says of the first that it refuses
 */
export async function decodeByCommands(pictures: readonly Encoded[]): Promise<Pixels[]> {
  const folder = await mkdtemp(join(tmpdir(), 'avatar-decoders-'));
  try {
    const lines = pictures.map(
      ({ format }, index) => `set -- ${index}.${format} ${index}.pam; ${COMMANDS[format]}`,
    );
    await Promise.all(
      pictures.map(({ format, bytes }, index) =>
        writeFile(join(folder, `${index}.${format}`), bytes),
      ),
    );
    await run('/bin/sh', ['-ec', lines.join('\n')], { cwd: folder });
    return await Promise.all(
      pictures.map(async (_, index) => parsePnm(await readFile(join(folder, `${index}.pam`)))),
    );
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Netpbm's formats: PAM (P7), and of its ancestors grey (P5) and coloured (P6) ones. */
function parsePnm(bytes: Buffer): Pixels {
  const head = /^P7\n(?:.*\n)*?ENDHDR\n|^P[56]\s+\d+\s+\d+\s+\d+\s/.exec(
    bytes.toString('latin1', 0, 200),
  )?.[0];
  if (head === undefined) throw new Error('a decoder has written something else than pixels');
  const { width, height, depth, maximum } = head.startsWith('P7') ? pamHead(head) : pnmHead(head);
  const samples = bytes.subarray(head.length);
  const data = new Uint8Array(width * height * 4);
  const isGrey = depth < 3;
  for (let pixel = 0; pixel < width * height; pixel += 1) {
    const at = (channel: number): number =>
      Math.round(((samples[pixel * depth + channel] ?? 0) * 255) / maximum);
    const colour = isGrey ? [at(0), at(0), at(0)] : [at(0), at(1), at(2)];
    data.set([...colour, depth % 2 === 0 ? at(depth - 1) : 255], pixel * 4);
  }
  return { width, height, data };
}

type Head = { width: number; height: number; depth: number; maximum: number };

function pamHead(head: string): Head {
  const field = (name: string): number =>
    Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(head)?.[1]);
  return {
    width: field('WIDTH'),
    height: field('HEIGHT'),
    depth: field('DEPTH'),
    maximum: field('MAXVAL'),
  };
}

function pnmHead(head: string): Head {
  const [kind, width, height, maximum] = head.split(/\s+/);
  return {
    width: Number(width),
    height: Number(height),
    depth: kind === 'P6' ? 3 : 1,
    maximum: Number(maximum),
  };
}
