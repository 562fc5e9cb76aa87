/** The pictures quality is measured on: those of the demo, and a folder of one's own. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { createInspector } from '../../src/inspect/inspect.ts';
import type { OriginalFormat } from '../../src/vocabulary/formats.ts';

export type CorpusPicture = {
  /** The folder's. */
  readonly corpus: string;
  readonly name: string;
  readonly format: OriginalFormat;
  /** Named by its format, as programs expect it. */
  readonly file: string;
};

const EXTENSIONS = { jpeg: 'jpg', png: 'png', webp: 'webp', gif: 'gif', avif: 'avif' } as const;
const DEMO = join(import.meta.dirname, '..', '..', 'demo');

/** Copies whatever the service would serve, at most so many of each folder, evenly chosen. */
export function collectPictures(
  to: string,
  folders: readonly string[],
  most: number,
): CorpusPicture[] {
  mkdirSync(to, { recursive: true });
  const inspector = createInspector({ maxPixels: 50e6 });
  return [DEMO, ...folders].flatMap((folder, index) => {
    const corpus = basename(folder);
    const good = filesIn(folder).flatMap((source) => {
      try {
        return [inspector.inspect(readFileSync(source))];
      } catch {
        // No avatar: notes, manifests, and what the service refuses.
        return [];
      }
    });
    return evenly(good, most).map(({ bytes, format }, number): CorpusPicture => {
      const name = `${index}-${number}.${EXTENSIONS[format]}`;
      writeFileSync(join(to, name), bytes);
      return { corpus, name, format, file: join(to, name) };
    });
  });
}

/** All of it, or what its manifest says can be shown. */
function filesIn(folder: string): string[] {
  const manifest = join(folder, 'manifest.json');
  const shown = existsSync(manifest) ? shownBy(manifest) : undefined;
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => shown?.has(file) ?? true)
    .toSorted();
}

type Entry = {
  readonly file: string;
  readonly expected: string;
  /** False where either answer will do. */
  readonly strict?: boolean;
};

function shownBy(manifest: string): Set<string> {
  const read: readonly Entry[] | { readonly files: readonly Entry[] } = JSON.parse(
    readFileSync(manifest, 'utf8'),
  );
  const entries = 'files' in read ? read.files : read;
  return new Set(
    entries
      .filter(({ expected, strict = true }) => expected === 'ok' && strict)
      .map(({ file }) => join(manifest, '..', file)),
  );
}

function evenly<T>(all: readonly T[], most: number): readonly T[] {
  const step = Math.max(1, all.length / most);
  return all.filter((_, index) => Math.floor(index / step) !== Math.floor((index - 1) / step));
}
