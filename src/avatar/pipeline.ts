/**
 * How an avatar is answered, from top to bottom. This page is the specification; each step is a
 * part of its own, and none of them knows of HTTP.
 */
import { AvatarError } from '../errors.ts';
import { orAbort } from '../flow/abort.ts';
import { Deadline } from '../flow/deadline.ts';
import type { Turn } from '../flow/fair-queue.ts';
import { SingleFlight } from '../flow/single-flight.ts';
import type { Answer, Caller } from './answer.ts';
import { findOriginal, type FoundOriginal, verifyCopy } from './find-original.ts';
import { type AskedFormat, askedFormat, stillFormat } from './formats.ts';
import type { Letters } from './letters.ts';
import { makeVariant, type VariantParts } from './make-variant.ts';
import type { Locator, Original, Originals, Sizes, Variant, VariantCache } from './ports.ts';
import { Refusals } from './refusals.ts';
import type { AvatarRequest, NobodysRequest } from './request.ts';
import type { SharedCopies, SharedCopy } from './shared-copies.ts';
import { chooseSize, type SizePolicy } from './sizes.ts';
import { Stages, type WorkObserver } from './stages.ts';
import { type StandInPolicy, standInFor } from './stand-in.ts';
import { avatarKey, type HeldCopy, heldCopy, type ProfileVersions, variantKey } from './variant.ts';

export type PipelineParts = VariantParts & {
  readonly sizes: Sizes;
  readonly locator: Locator;
  readonly originals: Originals;
  readonly variants: VariantCache;
  /** What all instances share, where they do. */
  readonly shared: SharedCopies | undefined;
  readonly letters: Letters;
  readonly observer: WorkObserver;
};

export type PipelineRules = {
  /** The hosts served, in lower case; undefined: all. */
  readonly hosts: ReadonlySet<string> | undefined;
  /** Only then do sites take turns: else one client could have the turns of as many as it names. */
  readonly knowsItsSites: boolean;
  /** What a `.png` address gives. */
  readonly format: AskedFormat;
  /** Of originals that move, in formats that can. */
  readonly keepsMotion: boolean;
  readonly standIn: StandInPolicy;
  readonly profiles: ProfileVersions;
  /** The whole of a miss. */
  readonly deadlineMs: number;
};

/** A variant that is not in memory. */
type Wanted = {
  /** Of the first who asks for it. */
  readonly turn: Turn;
  readonly request: AvatarRequest;
  readonly format: AskedFormat;
  readonly key: string;
};

/** The way of a variant to those who wait for it. */
type Miss = Wanted & {
  readonly held: HeldCopy | undefined;
  readonly stages: Stages;
  /** On the clock of `performance.now()`. */
  readonly dueAt: number;
  /** Aborts when nobody waits any more. */
  readonly signal: AbortSignal;
};

/** How long "missing" and "damaged" hold for an avatar before its original is read again. */
const AVATAR_REFUSED_MS = 60_000;
/** How long one that could not be verified is shown before that is tried again. */
const UNVERIFIED_FOR_MS = 30_000;
/** How long the verdict on one original's bytes holds: it is never decoded again in that time. */
const ORIGINAL_REFUSED_MS = 600_000;
/** How long a still is shown for an animation that there was no time for. */
const PROVISIONAL_FOR_MS = 600_000;

export class Pipeline {
  readonly #parts: PipelineParts;
  readonly #rules: PipelineRules;
  readonly #refusals = new Refusals();
  readonly #flights = new SingleFlight<Answer>(isWorthRepeating);

  constructor(parts: PipelineParts, rules: PipelineRules) {
    this.#parts = parts;
    this.#rules = rules;
  }

  /** @throws AvatarError */
  async answer(request: AvatarRequest | NobodysRequest, caller: Caller): Promise<Answer> {
    const dueAt = performance.now() + this.#rules.deadlineMs;
    try {
      return await this.#answer(request, caller, dueAt);
    } catch (error) {
      return await this.#standIn(request, AvatarError.from(error), caller, dueAt);
    }
  }

  async #answer(
    request: AvatarRequest | NobodysRequest,
    caller: Caller,
    dueAt: number,
  ): Promise<Answer> {
    const { hosts } = this.#rules;
    if (hosts?.has(request.host.toLowerCase()) === false) throw new AvatarError('host_not_served');
    if ('nobodys' in request) throw new AvatarError('avatar_missing');
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

    this.#refusals.check(avatarKey(request));
    const turn = { ...this.#turnOf(request, caller), user: request.user };
    return await this.#answerMiss({ request, format, key, turn }, caller, dueAt);
  }

  /** Known already, or asked of a database, which may take its time. */
  async #policyOf(request: AvatarRequest, caller: Caller, dueAt: number): Promise<SizePolicy> {
    const policy = this.#parts.sizes.policyOf(request);
    if (!(policy instanceof Promise)) return policy;
    using deadline = this.#deadline(caller, dueAt);
    return await orAbort(policy, deadline.signal);
  }

  #deadline(caller: Caller, dueAt: number): Deadline {
    const detail = `not done after ${this.#rules.deadlineMs} ms`;
    return new Deadline(dueAt - performance.now(), caller.departure(), detail);
  }

  async #answerMiss(wanted: Wanted, caller: Caller, dueAt: number): Promise<Answer> {
    const { request, format, key } = wanted;
    const { profiles } = this.#rules;
    const held = heldCopy(caller.tags, request.size, format, profiles);
    // "Unchanged" is no answer for those who hold nothing, so they do not share its flight; but one
    // who holds a copy gladly joins a flight that brings the whole variant.
    const toVerify = this.#flights.has(key) ? undefined : held;
    // No part of a key has a line break, so that nobody can spell the name of another's flight.
    const flight = toVerify === undefined ? key : `${key}\n${toVerify.tag}`;

    using deadline = this.#deadline(caller, dueAt);
    const { result, joined } = await this.#flights.run(flight, deadline.signal, (signal) =>
      this.#make(wanted, toVerify, caller, signal),
    );
    if (joined) this.#parts.observer.joined('variant');
    return joined && result.kind === 'variant' ? { ...result, source: 'joined' } : result;
  }

  async #make(
    wanted: Wanted,
    held: HeldCopy | undefined,
    caller: Caller,
    signal: AbortSignal,
  ): Promise<Answer> {
    const stages = new Stages();
    caller.watch?.(stages);
    const dueAt = stages.startedAt + this.#rules.deadlineMs;
    try {
      return await this.#answerFor({ ...wanted, held, stages, dueAt, signal });
    } finally {
      stages.finish();
      this.#parts.observer.worked(stages);
    }
  }

  async #answerFor(miss: Miss): Promise<Answer> {
    const { held } = miss;
    // Who holds a copy needs none of ours, unless theirs turns out to be outdated.
    const shared = held === undefined ? await this.#findShared(miss) : undefined;
    let found: FoundOriginal;
    try {
      found = await this.#findOriginal(miss, shared);
    } catch (error) {
      this.#refusals.remember(avatarKey(miss.request), error, AVATAR_REFUSED_MS);
      return await this.#answerUnverified(AvatarError.from(error), miss, shared);
    }
    switch (found.kind) {
      case 'read': {
        const { original } = found;
        try {
          // Whoever has noticed it before has rendered it.
          const latest = held === undefined ? shared : await this.#findShared(miss);
          return await this.#answerRead(original, miss, latest);
        } finally {
          original.done?.();
        }
      }
      case 'unchanged':
        return shared?.kind === 'usable'
          ? this.#answerShared(shared.variant, miss)
          : { kind: 'unchanged', etag: held?.tag ?? '' };
      case 'moved':
        return {
          kind: 'elsewhere',
          request: { ...miss.request, id: found.id },
          because: 'upload',
        };
      case 'missing':
        // Not remembered here: whom the locator asks, and how often, is its own affair.
        throw new AvatarError('avatar_missing');
    }
  }

  async #findShared(miss: Miss): Promise<SharedCopy | undefined> {
    if (this.#parts.shared === undefined) return undefined;
    miss.stages.begin('shared');
    return await this.#parts.shared.find(miss, miss.signal);
  }

  async #findOriginal(miss: Miss, shared: SharedCopy | undefined): Promise<FoundOriginal> {
    if (shared?.kind === 'usable') {
      const copy = { ...miss, knownTag: shared.originalTag };
      return await verifyCopy(this.#parts, miss.request, copy, this.#rules.deadlineMs);
    }
    const knownTag = miss.held?.originalTag;
    return await findOriginal(this.#parts, miss.request, { ...miss, knownTag });
  }

  /** The original cannot be asked for: a picture that was made of it is shown nevertheless. */
  async #answerUnverified(
    trouble: AvatarError,
    miss: Miss,
    shared: SharedCopy | undefined,
  ): Promise<Answer> {
    if (trouble.isVerdict || miss.signal.aborted) throw trouble;
    const copy = miss.held === undefined ? shared : await this.#findShared(miss);
    if (copy?.kind !== 'usable') throw trouble;
    return this.#answerShared(copy.variant, miss, trouble);
  }

  #answerShared(variant: Variant, { key }: Miss, trouble?: AvatarError): Answer {
    const isVerified = trouble === undefined;
    this.#parts.shared?.used(isVerified ? 'hit' : 'unverified');
    this.#parts.variants.set(key, variant, isVerified ? undefined : UNVERIFIED_FOR_MS);
    const answer = { kind: 'variant', variant, key, source: 'shared' } as const;
    return isVerified ? answer : { ...answer, trouble };
  }

  async #answerRead(
    original: Original,
    miss: Miss,
    shared: SharedCopy | undefined,
  ): Promise<Answer> {
    const { key } = miss;
    if (shared?.kind === 'usable') {
      if (shared.originalTag === original.etag) {
        original.release?.();
        return this.#answerShared(shared.variant, miss);
      }
      this.#parts.shared?.used('stale');
    }
    try {
      const variant = await this.#refusals.guard(original.identity, ORIGINAL_REFUSED_MS, () =>
        makeVariant(this.#parts, original, miss, this.#rules.profiles),
      );
      original.release?.();
      if (variant.isProvisional === true) {
        this.#parts.variants.set(key, variant, PROVISIONAL_FOR_MS);
      } else {
        this.#parts.variants.set(key, variant);
        this.#parts.shared?.keep(miss, variant, shared);
      }
      return { kind: 'variant', variant, key, source: 'rendered' };
    } catch (error) {
      this.#refusals.remember(avatarKey(miss.request), error, AVATAR_REFUSED_MS);
      throw error;
    }
  }

  /** The picture shown for this failure, or the failure itself. */
  async #standIn(
    request: AvatarRequest | NobodysRequest,
    error: AvatarError,
    caller: Caller,
    dueAt: number,
  ): Promise<Answer> {
    const letter = standInFor(this.#rules.standIn, request, error);
    if (letter === undefined) throw error;
    // Whatever is wished for: a drawing is as small in PNG, and one copy does for all.
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
 * would be the same, nor when there is too much to do already.
 */
function isWorthRepeating(error: unknown): boolean {
  const { isVerdict, status } = AvatarError.from(error);
  return !isVerdict && status !== 503;
}
