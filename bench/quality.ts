/**
 * Bytes, CPU and likeness of what is sent, beside sharp's plain PNG, ipx, nginx's image_filter and
 * ImageMagick as Discourse calls it. `npm run bench:quality -- FOLDER…` writes docs/quality.md, from the
 * pictures of these folders, or of the one that `AVATAR_CORPUS` names, and those of the demo.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BenchContext, isQuick, runBench } from './support/bench.ts';
import { describeMachine } from './support/machine.ts';
import { JPEG, OURS, startContestants } from './support/quality-contestants.ts';
import { describePictures, openReferences, pixelsOf } from './support/quality-references.ts';
import { type Outcome, qualityReport, type Result, SIZES } from './support/quality-report.ts';
import { comparedWith, type Pixels } from './support/similarity.ts';
import { type Report, renderReport } from './support/table.ts';

const DOCS = join(import.meta.dirname, '..', 'docs');

async function quality(context: BenchContext): Promise<Report> {
  const { workshop, say } = context;
  const references = await openReferences(context);
  const { magick, folder, pictures } = references;
  const [first] = pictures;
  if (first === undefined) throw new Error('no pictures');
  const contestants = await startContestants(workshop, magick, folder, first.name);
  // Compilers warm up on the first picture; its times are not counted.
  for (const make of contestants.values()) await make(first, 48);

  const results: Result[] = [];
  for (const size of SIZES) {
    for (const picture of pictures) {
      const reference = await references.of(picture, size);
      const compare = comparedWith(reference);
      const made = new Map<string, Outcome>();
      for (const [name, make] of contestants) {
        const result = await make(picture, size);
        if (result === undefined) continue;
        const { bytes, cpuMs } = result;
        const pixels = await pixelsOf(bytes).catch((error: unknown) => {
          if (name.startsWith(OURS)) throw error;
          say(`${name} makes of ${picture.name} at ${size} what cannot be read: ${String(error)}`);
          return undefined;
        });
        // Some do not enlarge.
        if (pixels?.width !== size || pixels.height !== size) continue;
        // JPEG has nothing to show transparency with.
        const isComparable = name !== JPEG || isOpaque(reference);
        const distance = isComparable ? 1 - compare(pixels) : undefined;
        made.set(name, { bytes: bytes.length, cpuMs, distance });
      }
      results.push({ picture, size, made });
    }
    say(`${size} pixels, ${pictures.length} pictures`);
  }
  return qualityReport(results, describePictures(pictures, references.leftOut));
}

function isOpaque({ data }: Pixels): boolean {
  for (let at = 3; at < data.length; at += 4) if (data[at] !== 255) return false;
  return true;
}

if (import.meta.main) {
  const found = await runBench(quality, isQuick());
  if (isQuick()) {
    process.stdout.write(`${renderReport({ ...found, plots: [] })}\n`);
  } else {
    const [plot] = found.plots;
    if (plot !== undefined) writeFileSync(join(DOCS, plot.file), plot.svg);
    const text = `# Quality\n\nWritten by \`npm run bench:quality\`.\n\n${describeMachine()}\n\n${renderReport(found)}\n`;
    writeFileSync(join(DOCS, 'quality.md'), text.replace('\n## Quality\n\n', '\n'));
    process.stderr.write('docs/quality.md is written\n');
  }
}
