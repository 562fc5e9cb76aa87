import type { Found, Originals, ReadOptions } from '../avatar/ports.ts';
import { AvatarError } from '../errors.ts';
import type { Turn } from '../flow/fair-queue.ts';
import { SingleFlight } from '../flow/single-flight.ts';
import { FairSemaphore } from '../flow/fair-semaphore.ts';
import { freeOriginal } from './free.ts';
import { MemoryLease } from './memory-lease.ts';
import { OrderedStores, type OrderedSettings } from './ordered.ts';
import { RECENT_ORIGINALS, RecentOriginals } from './recent.ts';
import type { OriginalStore } from './store.ts';

export type CoalescedOriginalsSettings = OrderedSettings & {
  /** How many reads run at once; more wait. */
  readonly slots: number;
  /** How many bytes all originals that are being read or still needed may hold. */
  readonly heldBytes: number;
  /** Memory for originals just read, in bytes. */
  readonly recentBytes: number;
  /** Is told of the bytes of each original read. */
  readonly onBytes?: (bytes: Buffer) => void;
  /** Is called for each caller that joins a read under way. */
  readonly onJoined?: () => void;
};

/** The turn of reads that name none. */
const NOBODYS_TURN: Turn = { site: '', client: '', user: '' };

type Held = { readonly found: Found; readonly lease: MemoryLease };

/**
 * Reads each original once for all who want it, in whatever size: a caller that comes while it is being
 * read joins the read, one that comes soon after gets it from memory. Limits how many reads run at once, and
 * how many bytes are held, those of originals that wait for a renderer included.
 */
export class CoalescedOriginals implements Originals {
  readonly #stores: OrderedStores;
  readonly #slots: FairSemaphore;
  readonly #held: FairSemaphore;
  readonly #flights = new SingleFlight<Held>((error) => AvatarError.from(error).isPersonal);
  readonly #recent: RecentOriginals;
  readonly #settings: Pick<CoalescedOriginalsSettings, 'onBytes' | 'onJoined'>;

  constructor(stores: readonly OriginalStore[], settings: CoalescedOriginalsSettings) {
    this.#settings = settings;
    this.#stores = new OrderedStores(stores, settings);
    this.#slots = new FairSemaphore('reads of originals', settings.slots);
    this.#held = new FairSemaphore('memory for originals', settings.heldBytes);
    this.#recent = new RecentOriginals(settings.recentBytes, RECENT_ORIGINALS.keepMs);
  }

  async read(keys: readonly string[], options: ReadOptions): Promise<Found> {
    const { signal, ifNoneMatch } = options;
    // No key has a line break.
    const name = keys.join('\n');
    const recent = await this.#readRecent(name, options);
    if (recent !== undefined) return recent;
    // A conditional read gladly shares a whole one; the other way round it would get no bytes.
    const isWhole = ifNoneMatch === undefined || this.#flights.has(name);
    const flight = isWhole ? name : `${name}\n\n${ifNoneMatch}`;
    const { result, joined, isAlone } = await this.#flights.run(flight, signal, (flightSignal) =>
      this.#readOnce(name, keys, {
        ...options,
        signal: flightSignal,
        ifNoneMatch: isWhole ? undefined : ifNoneMatch,
      }),
    );
    if (joined) this.#settings.onJoined?.();
    const { found, lease } = result;
    if (found === undefined || found === 'unchanged') return found;
    const original = { ...found, done: lease.join() };
    return isAlone ? { ...original, release: () => freeOriginal(found.bytes) } : original;
  }

  get running(): number {
    return this.#slots.taken;
  }

  get waiting(): number {
    return this.#slots.waiting;
  }

  /** How long the oldest read that was called off has gone on nevertheless. */
  get oldestMs(): number {
    return this.#stores.underway.oldestMs;
  }

  /** Resolves while at least one store can be reached: what is there is served. */
  async probe(withinMs: number): Promise<void> {
    await this.#stores.probe(withinMs);
  }

  close(): void {
    this.#stores.close();
  }

  async #readRecent(
    name: string,
    { signal, ifNoneMatch, turn = NOBODYS_TURN }: ReadOptions,
  ): Promise<Found> {
    const recent = this.#recent.find(name);
    if (recent === undefined) return undefined;
    if (recent.etag === ifNoneMatch) return 'unchanged';
    const taken = await this.#held.acquire(turn, recent.length, signal);
    const done = (): void => taken[Symbol.dispose]();
    // It may have expired during the wait.
    const original = this.#recent.get(name);
    if (original === undefined) done();
    return original && { ...original, done, release: () => freeOriginal(original.bytes) };
  }

  async #readOnce(name: string, keys: readonly string[], options: ReadOptions): Promise<Held> {
    const { turn = NOBODYS_TURN, signal } = options;
    const lease = new MemoryLease(this.#held, turn);
    const claim = (bytes: number, by: AbortSignal): Promise<void> => lease.claim(bytes, by);
    try {
      using _slot = await this.#slots.acquire(turn, 1, signal);
      const found = await this.#stores.read(keys, { ...options, claim });
      if (found !== undefined && found !== 'unchanged') {
        this.#settings.onBytes?.(found.bytes);
        this.#recent.set(name, found);
      }
      return { found, lease };
    } finally {
      // By then all who waited for it have joined.
      setImmediate(() => lease.leave());
    }
  }
}
