import { AvatarError } from '../errors.ts';

/** Probes are asked every second or so, by several balancers; the store is asked this often. */
const PROBE_EVERY_MS = 5000;
/** After one that failed, so that recovery is soon seen. */
const PROBE_AGAIN_MS = 1000;
const PROBE_WITHIN_MS = 3000;

/** What is probed: the originals. */
type Probed = { probe(withinMs: number): Promise<void> };

/**
 * Whether new requests should come here. Where there are others to send them to: not while draining, nor
 * when originals can't be reached.
 */
export class OriginalsReadiness {
  readonly #originals: Probed;
  #isDraining = false;
  #wasReady = false;
  #probe: Promise<void> | undefined;
  #probeAgainAt = -Infinity;

  constructor(originals: Probed) {
    this.#originals = originals;
  }

  get isDraining(): boolean {
    return this.#isDraining;
  }

  drain(): void {
    this.#isDraining = true;
  }

  /** @throws AvatarError */
  async check(): Promise<void> {
    if (this.#isDraining) throw new AvatarError('shutting_down');
    const now = performance.now();
    if (this.#probe === undefined || now > this.#probeAgainAt) {
      this.#probeAgainAt = now + PROBE_EVERY_MS;
      this.#probe = this.#originals.probe(PROBE_WITHIN_MS);
      // Those who ask hear of it; with none waiting at the moment nobody needs to.
      this.#probe.catch(() => {
        this.#probeAgainAt = performance.now() + PROBE_AGAIN_MS;
      });
    }
    await this.#probe;
    this.#wasReady = true;
  }

  /**
   * Where nobody else would have them either: originals out of reach of one instance are out of reach of all,
   * and what has been rendered is still served.
   * @throws AvatarError while draining, and until originals were reached once
   */
  async checkServing(): Promise<void> {
    if (this.#isDraining || !this.#wasReady) await this.check();
  }
}
