import type { Originals, OriginalStore, ReadOptions } from '../avatar/ports.ts';
import { AvatarError } from '../errors.ts';
import { SingleFlight } from '../flow/single-flight.ts';
import { Slots } from '../flow/slots.ts';
import { BlockMemory } from './block-memory.ts';
import { OrderedStores, type OrderedSettings } from './ordered.ts';
import { RecentOriginals } from './recent.ts';
import type { Found } from './tracked.ts';

export type SharedOriginalsSettings = OrderedSettings & {
  /** How many reads run at once; more wait. */
  readonly slots: number;
  /** Memory for originals just read, in bytes. */
  readonly recentBytes: number;
  /** Where the stores read to. */
  readonly memory?: BlockMemory;
  /** Told of the bytes of each original read. */
  readonly onBytes?: (bytes: Buffer) => void;
  /** Told of each one who shares a read under way. */
  readonly onJoined?: () => void;
};

/**
 * The sizes of a fresh avatar are asked for within seconds. Longer, and an original replaced under
 * its name would go unseen.
 */
const RECENT_MS = 15_000;

/**
 * Reads each original once for all who want it, in whatever size: who comes while it is being read
 * shares the read, who comes soon after gets it from memory. Limits how many reads run at once.
 */
export class SharedOriginals implements Originals {
  readonly #stores: OrderedStores;
  readonly #slots: Slots;
  readonly #flights = new SingleFlight<Found>(isWorthRepeating);
  readonly #recent: RecentOriginals;
  readonly #memory: BlockMemory;
  readonly #settings: Pick<SharedOriginalsSettings, 'onBytes' | 'onJoined'>;

  constructor(stores: readonly OriginalStore[], settings: SharedOriginalsSettings) {
    this.#settings = settings;
    this.#stores = new OrderedStores(stores, settings);
    this.#slots = new Slots(settings.slots);
    this.#memory = settings.memory ?? new BlockMemory(0);
    this.#recent = new RecentOriginals(settings.recentBytes, RECENT_MS);
  }

  async read(keys: readonly string[], options: ReadOptions): Promise<Found> {
    const { signal, ifNoneMatch } = options;
    // No key has a line break.
    const name = keys.join('\n');
    const known = this.#recent.etagOf(name);
    if (known !== undefined) return known === ifNoneMatch ? 'unchanged' : this.#recent.get(name);
    // A conditional read gladly shares a whole one; the other way round it would get no bytes.
    const isWhole = ifNoneMatch === undefined || this.#flights.has(name);
    const flight = isWhole ? name : `${name}\n\n${ifNoneMatch}`;
    const { result, joined, isAlone } = await this.#flights.run(flight, signal, (shared) =>
      this.#readOnce(name, keys, {
        ...options,
        signal: shared,
        ifNoneMatch: isWhole ? undefined : ifNoneMatch,
      }),
    );
    if (joined) this.#settings.onJoined?.();
    if (!isAlone || result === undefined || result === 'unchanged') return result;
    return { ...result, release: () => this.#memory.giveBack(result.bytes) };
  }

  get running(): number {
    return this.#slots.running;
  }

  get waiting(): number {
    return this.#slots.waiting;
  }

  /** How long the oldest read of a store has been under way. */
  get oldestMs(): number {
    return this.#stores.underway.oldestMs;
  }

  /** Resolves while at least one store can be reached: what is there is served. */
  async probe(signal: AbortSignal): Promise<void> {
    await this.#stores.probe(signal);
  }

  close(): void {
    this.#stores.close();
  }

  async #readOnce(name: string, keys: readonly string[], options: ReadOptions): Promise<Found> {
    const found = await this.#slots.run(options.signal, () => this.#stores.read(keys, options));
    if (found !== undefined && found !== 'unchanged') {
      this.#settings.onBytes?.(found.bytes);
      this.#recent.set(name, found);
    }
    return found;
  }
}

/** One who joined a read that ran out of the first one's time has its own. */
function isWorthRepeating(error: unknown): boolean {
  return AvatarError.from(error).status === 504;
}
