/** The pictures quality is measured on: those of the demo, and a folder of one's own. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { OriginalFormat } from '../../src/avatar/formats.ts';
import { createInspector } from '../../src/inspect/inspect.ts';

export type CorpusPicture = {
  readonly name: string;
  readonly format: OriginalFormat;
  /** Named by its format, as programs expect it. */
  readonly file: string;
};

const EXTENSIONS = { jpeg: 'jpg', png: 'png', webp: 'webp', gif: 'gif', avif: 'avif' } as const;
const DEMO = join(import.meta.dirname, '..', '..', 'demo');

/** Copies whatever the service would serve, at most so many of the second folder, evenly chosen. */
export function collectPictures(
  to: string,
  folder: string | undefined,
  most: number,
): CorpusPicture[] {
  mkdirSync(to, { recursive: true });
  const own = folder === undefined ? [] : filesIn(folder);
  const step = Math.max(1, own.length / most);
  const chosen = own.filter(
    (_, index) => Math.floor(index / step) !== Math.floor((index - 1) / step),
  );
  const inspector = createInspector({ maxPixels: 50e6 });
  return [...filesIn(DEMO), ...chosen].flatMap((source, index) => {
    try {
      const { bytes, format } = inspector.inspect(readFileSync(source));
      const name = `${index}.${EXTENSIONS[format]}`;
      writeFileSync(join(to, name), bytes);
      return [{ name, format, file: join(to, name) }];
    } catch {
      // No avatar: notes, manifests, and what the service refuses.
      return [];
    }
  });
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
}
