import { AvatarError } from '../errors.ts';

/**
 * How long one request's miss may take. Its signal aborts when the time is up or the client is
 * gone, whichever is first; `at` is on the clock of `performance.now()`.
 */
export class Deadline implements Disposable {
  readonly at: number;
  readonly signal: AbortSignal;
  readonly #timer: NodeJS.Timeout;

  constructor(ms: number, clientGone: AbortSignal) {
    const timeUp = new AbortController();
    this.at = performance.now() + ms;
    this.signal = AbortSignal.any([timeUp.signal, clientGone]);
    this.#timer = setTimeout(() => {
      timeUp.abort(new AvatarError('deadline_passed', { detail: `not done after ${ms} ms` }));
    }, ms);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}
