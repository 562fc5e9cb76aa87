import { AvatarError } from '../errors.ts';

/**
 * How long one request's miss may take. Its signal aborts when the time is up or the client is
 * gone, whichever is first.
 */
export class Deadline implements Disposable {
  readonly signal: AbortSignal;
  readonly #timer: NodeJS.Timeout;

  /** @param detail for the log, when the time is up */
  constructor(ms: number, clientGone: AbortSignal, detail = `not done after ${ms} ms`) {
    const timeUp = new AbortController();
    this.signal = AbortSignal.any([timeUp.signal, clientGone]);
    this.#timer = setTimeout(() => {
      timeUp.abort(new AvatarError('deadline_passed', { detail }));
    }, ms);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}
