/** The renderers: every format in and out, a real render, and the same bytes each time. */
import type { Original } from '../../avatar/ports.ts';
import { entityTag } from '../../avatar/variant.ts';
import type { Config } from '../../config/load.ts';
import { AvatarError } from '../../errors.ts';
import { vectorsFor } from '../../forum.ts';
import { createInspector } from '../../inspect/inspect.ts';
import type { RenderPool } from '../../render/pool.ts';
import { PROFILE_VERSIONS } from '../../render/profiles.ts';
import { startRenderers } from '../../renderers.ts';
import { FORMATS, type Format, isExtension } from '../../vocabulary/formats.ts';
import { detailOf, isOfTheAvatar } from '../attempt.ts';
import { broken, type Finding, ok, warning } from './finding.ts';

const SIZE = 96;
const DUE_IN_MS = 30_000;

const REINSTALL =
  'reinstall the packages for this platform (npm ci), as the image of this project does';

/** @param found a real original, if there was one */
export async function checkRendering(
  config: Config,
  found: Original | undefined,
  signal: AbortSignal,
): Promise<Finding[]> {
  // Vectors are passed on as they are.
  const isVector = found !== undefined && vectorsFor(config.locator).accepts(found.bytes);
  const original = isVector ? undefined : found;
  const troubles: string[] = [];
  const pool = startRenderers(config, {
    rendered: () => undefined,
    died: (_, error) => troubles.push(String(error)),
    diedIdle: (error) => troubles.push(String(error)),
    quarantined: () => undefined,
    failedStart: (reason) => troubles.push(String(reason)),
  });
  const bench = new Bench(pool, config, signal);
  try {
    const { findings, drawn } = await checkCodecs(bench);
    const example = original?.bytes ?? drawn;
    if (example !== undefined) findings.push(await checkRepeats(bench, example, original));
    const [trouble] = troubles;
    if (trouble !== undefined) findings.push(broken('renderers', trouble, REINSTALL));
    return findings;
  } finally {
    await pool.close();
  }
}

class Bench {
  readonly #pool: RenderPool;
  readonly #config: Config;
  readonly #signal: AbortSignal;

  constructor(pool: RenderPool, config: Config, signal: AbortSignal) {
    this.#pool = pool;
    this.#config = config;
    this.#signal = signal;
  }

  async draw(format: Format): Promise<Buffer> {
    const letter = { letter: 'D', colour: [60, 120, 180], size: SIZE } as const;
    const dueAt = performance.now() + DUE_IN_MS;
    return await this.#pool.draw(
      { letter, format, site: 'doctor', client: 'doctor', dueAt },
      this.#signal,
    );
  }

  async render(bytes: Buffer, format: Format = 'png'): Promise<Buffer> {
    const inspected = createInspector({ maxPixels: this.#config.maxPixels }).inspect(bytes);
    const turn = { site: 'doctor', client: 'doctor', user: 'doctor' };
    const dueAt = performance.now() + DUE_IN_MS;
    return await this.#pool.render(
      { ...turn, identity: 'doctor', original: inspected, size: SIZE, format, dueAt },
      this.#signal,
    );
  }
}

async function checkCodecs(
  bench: Bench,
): Promise<{ findings: Finding[]; drawn: Buffer | undefined }> {
  const findings: Finding[] = [];
  const works: string[] = [];
  let drawn: Buffer | undefined;
  for (const format of Object.keys(FORMATS).filter(isExtension)) {
    try {
      const picture = await bench.draw(format);
      await bench.render(picture);
      drawn ??= picture;
      works.push(format);
    } catch (error) {
      const why = detailOf(AvatarError.from(error));
      findings.push(broken(`codec ${format}`, `does not work: ${why}`, REINSTALL));
    }
  }
  if (works.length > 0) findings.unshift(ok('codecs', works.join(', ')));
  return { findings, drawn };
}

/** Entity tags name bytes: two renders must not differ. */
async function checkRepeats(
  bench: Bench,
  example: Buffer,
  original: Original | undefined,
): Promise<Finding> {
  const check = 'render and ETag';
  const what = original?.identity ?? 'a letter';
  try {
    const startedAt = performance.now();
    const first = await bench.render(example);
    const ms = Math.round(performance.now() - startedAt);
    const second = await bench.render(example);
    const tag = entityTag({ etag: original?.etag ?? 'drawn' }, SIZE, 'png', PROFILE_VERSIONS);
    return first.equals(second)
      ? ok(check, `${what} in ${ms} ms, twice the same bytes as "${tag}"`)
      : broken(check, `${what} was rendered twice as "${tag}", with other bytes`, REINSTALL);
  } catch (thrown) {
    const error = AvatarError.from(thrown);
    const says = `${what} cannot be rendered: ${detailOf(error)}`;
    return original !== undefined && isOfTheAvatar(error)
      ? warning(check, says, 'replace that original; avatar-proxy audit finds all such')
      : broken(check, says, REINSTALL);
  }
}
