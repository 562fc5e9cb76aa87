/**
 * How an avatar is answered, from top to bottom. This page is the specification, and `misses.ts` is its
 * next page; each step is a part of its own, and none of them knows of HTTP.
 */
import { AvatarError } from '../errors.ts';
import { orAbort } from '../flow/abort.ts';
import { Deadline } from '../flow/deadline.ts';
import type { Turn } from '../flow/fair-queue.ts';
import { SingleFlight } from '../flow/single-flight.ts';
import { type AskedFormat, stillFormat } from '../vocabulary/formats.ts';
import type { AvatarRequest, UnassignableRequest } from '../vocabulary/request.ts';
import type { Answer, Caller } from './answer.ts';
import { askedFormat } from './format-choice.ts';
import type { Letters } from './letters.ts';
import { Misses, type MissParts, type MissRules, type UncachedVariant } from './misses.ts';
import type { Sizes } from './ports.ts';
import { chooseSize, type SizePolicy } from './sizes.ts';
import { Stages, type WorkObserver } from './stages.ts';
import { type StandInPolicy, standInFor } from './stand-in.ts';
import { avatarKey, type HeldCopy, heldCopy, variantKey } from './variant.ts';
import { Verdicts } from './verdicts.ts';

type PipelineParts = MissParts & {
  readonly sizes: Sizes;
  readonly letters: Letters;
  readonly observer: WorkObserver;
};

export type PipelineRules = MissRules & {
  /** The hosts served, in lower case; undefined: all. */
  readonly hosts: ReadonlySet<string> | undefined;
  /** Sites take turns only if they are known: else a client would have the turns of all that it names. */
  readonly knowsItsSites: boolean;
  /** The format that a `.png` address gives. */
  readonly format: AskedFormat;
  /** Whether originals that move go on moving, in formats that can. */
  readonly keepsMotion: boolean;
  readonly standIn: StandInPolicy;
};

export class Pipeline {
  readonly #parts: PipelineParts;
  readonly #rules: PipelineRules;
  readonly #verdicts = new Verdicts();
  readonly #misses: Misses;
  readonly #flights = new SingleFlight<Answer>(isWorthRepeating);

  constructor(parts: PipelineParts, rules: PipelineRules) {
    this.#parts = parts;
    this.#rules = rules;
    this.#misses = new Misses(parts, rules, this.#verdicts);
  }

  /** @throws AvatarError */
  async answer(request: AvatarRequest | UnassignableRequest, caller: Caller): Promise<Answer> {
    const dueAt = performance.now() + this.#rules.deadlineMs;
    try {
      return await this.#answer(request, caller, dueAt);
    } catch (error) {
      return await this.#standIn(request, AvatarError.from(error), caller, dueAt);
    }
  }

  async #answer(
    request: AvatarRequest | UnassignableRequest,
    caller: Caller,
    dueAt: number,
  ): Promise<Answer> {
    const { hosts } = this.#rules;
    if (hosts?.has(request.host.toLowerCase()) === false) throw new AvatarError('host_not_served');
    if ('isUnassignable' in request) {
      const detail = 'a user, size or version that nobody can have';
      throw new AvatarError('avatar_missing', { detail });
    }
    const size = chooseSize(await this.#policyOf(request, caller, dueAt), request.size);
    if (size !== request.size) {
      return { kind: 'elsewhere', request: { ...request, size }, because: 'size' };
    }

    const { format: standard, keepsMotion } = this.#rules;
    const format = askedFormat(request.extension, caller.wish, standard, keepsMotion);
    const key = variantKey(request, format);
    const cached = this.#parts.variants.get(key);
    if (cached !== undefined) return { kind: 'variant', variant: cached, key, source: 'memory' };
    this.#parts.observer.missed();

    this.#verdicts.check(avatarKey(request));
    const turn = { ...this.#turnOf(request, caller), user: request.user };
    return await this.#answerMiss({ request, format, key, turn }, caller, dueAt);
  }

  /** The policy is known already, or asked of a database, which may take its time. */
  async #policyOf(request: AvatarRequest, caller: Caller, dueAt: number): Promise<SizePolicy> {
    const policy = this.#parts.sizes.policyOf(request);
    if (!(policy instanceof Promise)) return policy;
    using deadline = this.#deadline(caller, dueAt);
    return await orAbort(policy, deadline.signal);
  }

  #deadline(caller: Caller, dueAt: number): Deadline {
    const detail = `not done after ${this.#rules.deadlineMs} ms`;
    return new Deadline(dueAt - performance.now(), caller.disconnected(), detail);
  }

  async #answerMiss(variant: UncachedVariant, caller: Caller, dueAt: number): Promise<Answer> {
    const { request, format, key } = variant;
    const { profiles } = this.#rules;
    const held = heldCopy(caller.tags, request.size, format, profiles);
    // "Unchanged" is no answer for a client that holds nothing, so it never shares that flight; but a
    // client that holds a copy gladly joins a flight that brings the whole variant.
    const toVerify = this.#flights.has(key) ? undefined : held;
    // No part of a key has a line break, so that nobody can spell the name of another's flight.
    const flight = toVerify === undefined ? key : `${key}\n${toVerify.tag}`;

    using deadline = this.#deadline(caller, dueAt);
    const { result, joined } = await this.#flights.run(flight, deadline.signal, (signal) =>
      this.#make(variant, toVerify, caller, signal),
    );
    if (joined) this.#parts.observer.joined('variant');
    return joined && result.kind === 'variant' ? { ...result, source: 'joined' } : result;
  }

  async #make(
    variant: UncachedVariant,
    held: HeldCopy | undefined,
    caller: Caller,
    signal: AbortSignal,
  ): Promise<Answer> {
    const stages = new Stages();
    caller.watch?.(stages);
    // A flight has a deadline of its own: who joins it later may have more time than its first.
    const dueAt = stages.startedAt + this.#rules.deadlineMs;
    try {
      return await this.#misses.answer({ ...variant, held, stages, dueAt, signal });
    } finally {
      stages.finish();
      this.#parts.observer.worked(stages);
    }
  }

  /** The picture shown for this failure, or the failure itself. */
  async #standIn(
    request: AvatarRequest | UnassignableRequest,
    error: AvatarError,
    caller: Caller,
    dueAt: number,
  ): Promise<Answer> {
    const letter = standInFor(this.#rules.standIn, request, error);
    if (letter === undefined) throw error;
    // In PNG, whatever the client prefers: a drawing is as small in that, and one copy does for all.
    const format = askedFormat(request.extension, 'none', this.#rules.format, false);
    const drawn = await this.#parts.letters.answer(
      letter,
      format === 'original' ? 'png' : stillFormat(format),
      this.#turnOf(request, caller),
      caller,
      dueAt,
    );
    const picture = letter.letter === '' ? 'blank' : 'letter';
    return { kind: 'stand-in', picture, ...drawn, error };
  }

  #turnOf({ site }: { site: string }, { client }: Caller): Omit<Turn, 'user'> {
    return { site: this.#rules.knowsItsSites ? site : 'any', client };
  }
}

/**
 * Whether one who joined a flight that failed should try by itself. Not after a verdict, which
 * would be the same, nor when a store or the database has too much to do: it would have more.
 */
function isWorthRepeating(thrown: unknown): boolean {
  const error = AvatarError.from(thrown);
  return error.isPersonal || (!error.isVerdict && error.status !== 503);
}
