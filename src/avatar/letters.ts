import { AvatarError } from '../errors.ts';
import { Deadline } from '../flow/deadline.ts';
import { SingleFlight } from '../flow/single-flight.ts';
import type { Format } from '../vocabulary/formats.ts';
import type { LetterRequest } from '../vocabulary/letter.ts';
import type { Caller, Source } from './answer.ts';
import type { LetterJob, Renderer, Variant, VariantCache } from './ports.ts';
import { Stages, type WorkObserver } from './stages.ts';

type LettersParts = {
  readonly renderer: Renderer;
  readonly variants: VariantCache;
  readonly observer: WorkObserver;
};

type LettersRules = {
  /** The version of fonts, shapes and encoder, raised whenever the bytes of any letter change. */
  readonly version: number;
  readonly deadlineMs: number;
};

/** A drawing has no date; this is the one Discourse gives its own. */
const DRAWN = new Date('1990-01-01T00:00:00Z');

/** Letter avatars: from memory, or drawn once for all who ask at the same time. */
export class Letters {
  readonly #parts: LettersParts;
  readonly #rules: LettersRules;
  readonly #flights = new SingleFlight<Variant>((error) => AvatarError.from(error).isPersonal);

  constructor(parts: LettersParts, rules: LettersRules) {
    this.#parts = parts;
    this.#rules = rules;
  }

  /**
   * @param turn whose turn it is: renderers are shared out fairly
   * @param dueAt on the clock of `performance.now()`; a stand-in is due when the avatar was
   * @throws AvatarError
   */
  async answer(
    letter: LetterRequest,
    format: Format,
    turn: Pick<LetterJob, 'site' | 'client'>,
    caller: Pick<Caller, 'disconnected' | 'watch'>,
    dueAt = performance.now() + this.#rules.deadlineMs,
  ): Promise<{ variant: Variant; key: string; source: Source }> {
    const tag = letterTag(letter, format, this.#rules.version);
    const { variants, observer } = this.#parts;
    const cached = variants.get(tag);
    if (cached !== undefined) return { variant: cached, key: tag, source: 'memory' };
    observer.missed();

    const leftMs = Math.max(0, Math.round(dueAt - performance.now()));
    using deadline = new Deadline(leftMs, caller.disconnected());
    const { result, joined } = await this.#flights.run(tag, deadline.signal, async (signal) => {
      const bytes = await this.#draw({ ...turn, letter, format }, caller, signal);
      const variant: Variant = { bytes, format, etag: tag, lastModified: DRAWN };
      variants.set(tag, variant);
      return variant;
    });
    if (joined) observer.joined('letter');
    return { variant: result, key: tag, source: joined ? 'joined' : 'rendered' };
  }

  async #draw(
    job: Omit<LetterJob, 'dueAt' | 'onTurn'>,
    caller: Pick<Caller, 'watch'>,
    signal: AbortSignal,
  ): Promise<Buffer> {
    const stages = new Stages();
    caller.watch?.(stages);
    const dueAt = stages.startedAt + this.#rules.deadlineMs;
    const onTurn = (): void => stages.begin('render');
    stages.begin('wait');
    try {
      return await this.#parts.renderer.draw({ ...job, dueAt, onTurn }, signal);
    } finally {
      stages.finish();
      this.#parts.observer.worked(stages);
    }
  }
}

/** Names the bytes, together with the version of the drawing: cache key and entity tag in one. */
function letterTag(
  { letter, colour, size }: LetterRequest,
  format: Format,
  version: number,
): string {
  const code = Buffer.from(letter).toString('hex');
  const hex = Buffer.from(colour).toString('hex');
  return `letter${version}-${format}-${size}-${hex}-${code}`;
}
