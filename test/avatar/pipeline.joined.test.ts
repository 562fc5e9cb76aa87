/** Who asks the pipeline for what is already being made for another, when that one has no luck. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Caller } from '../../src/avatar/answer.ts';
import { Letters } from '../../src/avatar/letters.ts';
import { Pipeline, type PipelineRules } from '../../src/avatar/pipeline.ts';
import type { Originals, Renderer } from '../../src/avatar/ports.ts';
import type { WorkObserver } from '../../src/avatar/stages.ts';
import { AvatarError } from '../../src/errors.ts';
import { createInspector } from '../../src/inspect/inspect.ts';
import { PROFILE_VERSIONS } from '../../src/render/profiles.ts';
import { createMemoryVariants } from '../../src/variants/memory.ts';
import { parseAvatarPath } from '../../src/vocabulary/request.ts';
import { events, never, open, pool } from '../render/pool.fixture.ts';
import { card, lookAt } from '../support/cards.ts';
import { moveClock } from '../support/clock.ts';

const observer: WorkObserver = { missed: () => {}, joined: () => {}, worked: () => {} };
const rules: PipelineRules = {
  hosts: undefined,
  knowsItsSites: false,
  format: 'png',
  keepsMotion: false,
  standIn: { picture: '404', codes: new Set() },
  profiles: PROFILE_VERSIONS,
  deadlineMs: 20_000,
};

let original: Buffer;

beforeAll(async () => {
  original = await card(90, 90).png().toBuffer();
});

/** Has no time for one who floods, and for all others what a pool has. */
function refusingFlood(): Renderer {
  const refuse = ({ client }: { client: string }): void => {
    if (client === 'flood') throw new AvatarError('overloaded', { retryAfterSeconds: 9 });
  };
  const all = open(1);
  return {
    reserve: (turn, dueAt) => all.reserve(turn, dueAt),
    async render(job, signal) {
      refuse(job);
      return await all.render(job, signal);
    },
    async draw(job, signal) {
      // Those who come meanwhile join.
      await new Promise(setImmediate);
      refuse(job);
      return await all.draw(job, signal);
    },
  };
}

type OpenPipeline = {
  readonly pipeline: Pipeline;
  /** Reads last until then, and end with this failure if there is one. */
  readonly endReads: (failure?: AvatarError) => void;
  readonly reads: () => number;
};

function openPipeline(renderer: Renderer): OpenPipeline {
  const read = Promise.withResolvers<void>();
  let reads = 0;
  const originals: Originals = {
    async read([identity = '']) {
      reads += 1;
      await read.promise;
      return { identity, bytes: Buffer.from(original), etag: 'e', lastModified: new Date(0) };
    },
  };
  const variants = createMemoryVariants(1e6);
  const lettersRules = { version: 1, deadlineMs: rules.deadlineMs };
  const parts = {
    sizes: { policyOf: () => ({ unlisted: 'reject' }) as const },
    locator: { locate: () => Promise.resolve({ kind: 'at', keys: ['k'] } as const) },
    originals,
    inspector: createInspector({ maxPixels: 50e6 }),
    vectors: { accepts: () => false },
    renderer,
    variants,
    shared: undefined,
    letters: new Letters({ renderer, variants, observer }, lettersRules),
    observer,
  };
  return {
    pipeline: new Pipeline(parts, rules),
    endReads: (failure) => (failure === undefined ? read.resolve() : read.reject(failure)),
    reads: () => reads,
  };
}

function caller(client: string, ...tags: string[]): Caller {
  return { client, tags, wish: 'none', disconnected: () => never };
}

const request = parseAvatarPath('forum.example/u/48/1.png');

describe('one who joined the work begun for another', () => {
  it('has the avatar, though there is no time for the other, who floods', async () => {
    const { pipeline, endReads } = openPipeline(refusingFlood());
    const flood = pipeline.answer(request, caller('flood'));
    const visitor = pipeline.answer(request, caller('visitor'));
    endReads();
    await expect(flood).rejects.toMatchObject({ code: 'overloaded' });
    const answer = await visitor;
    if (answer.kind !== 'variant') throw new Error(answer.kind);
    expect((await lookAt(answer.variant.bytes)).width).toBe(48);
  });

  it('has the letter, though there is no time for the other, who floods', async () => {
    const renderer = refusingFlood();
    const letters = new Letters(
      { renderer, variants: createMemoryVariants(1e6), observer },
      { version: 1, deadlineMs: rules.deadlineMs },
    );
    const letter = { letter: 'A', colour: [1, 2, 3], size: 48 } as const;
    const [flood, visitor] = ['flood', 'visitor'].map((client) =>
      letters.answer(letter, 'png', { site: 's', client }, caller(client)),
    );
    await expect(flood).rejects.toMatchObject({ code: 'overloaded' });
    const bytes = (await visitor)?.variant.bytes;
    expect((await lookAt(bytes ?? Buffer.of())).width).toBe(48);
  });

  it('has the avatar, though the original came when the other had no time left', async () => {
    const { pipeline, endReads } = openPipeline(open(1));
    await expect.poll(() => pool.up, { timeout: 15_000 }).toBe(1);
    const { pids } = pool;
    const first = pipeline.answer(request, caller('first'));
    first.catch(() => undefined);
    const joined = pipeline.answer(request, caller('second'));
    await new Promise(setImmediate);
    moveClock(rules.deadlineMs);
    endReads();
    await expect(first).rejects.toMatchObject({ code: 'render_timeout', status: 504 });
    expect((await joined).kind).toBe('variant');
    expect([events.died, pool.pids]).toEqual([[], pids]);
  });

  it('has the avatar that is being made for who has none, though it holds a copy itself', async () => {
    const { pipeline, endReads, reads } = openPipeline(open(1));
    const first = pipeline.answer(request, caller('first'));
    const holder = pipeline.answer(request, caller('second', `png${PROFILE_VERSIONS.png}-48-e`));
    endReads();
    expect([(await first).kind, (await holder).kind]).toEqual(['variant', 'variant']);
    expect(reads()).toBe(1);
  });

  it.each(['originals_throttled', 'directory_unavailable'] as const)(
    'does not ask again what has too much to do: %s',
    async (code) => {
      const { pipeline, endReads, reads } = openPipeline(open(1));
      const all = ['first', 'second', 'third'].map((client) =>
        pipeline.answer(request, caller(client)),
      );
      endReads(new AvatarError(code));
      for (const answer of all) await expect(answer).rejects.toMatchObject({ code });
      expect(reads()).toBe(1);
    },
  );
});
