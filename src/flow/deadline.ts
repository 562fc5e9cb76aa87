import { AvatarError } from '../errors.ts';

/** Aborts after `ms`, or when `parent` does. */
export class Deadline implements Disposable {
  readonly signal: AbortSignal;
  readonly #timer: NodeJS.Timeout;

  /** @param detail for the log, when the time is up */
  constructor(ms: number, parent: AbortSignal, detail = `not done after ${ms} ms`) {
    const timeUp = new AbortController();
    this.signal = AbortSignal.any([timeUp.signal, parent]);
    this.#timer = setTimeout(() => {
      timeUp.abort(new AvatarError('deadline_passed', { detail }));
    }, ms);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}
