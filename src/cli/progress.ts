import type { Output } from './output.ts';

/** Terminals are written to so often, logs and programs so often. */
const DRAW_EVERY_MS = 200;
const SAY_EVERY_MS = 10_000;
const BAR_WIDTH = 24;

/** How far something long is: a bar on a terminal, now and then a line elsewhere. */
export class Progress implements Disposable {
  readonly #output: Output;
  readonly #total: number | undefined;
  readonly #timer: NodeJS.Timeout;
  readonly #startedAt = performance.now();
  #done = 0;
  #remark = '';

  /** @param total undefined when nobody knows */
  constructor(output: Output, total: number | undefined) {
    this.#output = output;
    this.#total = total;
    const isDrawn = output.terminal !== undefined;
    this.#timer = setInterval(
      () => (isDrawn ? this.#draw() : this.#say()),
      isDrawn ? DRAW_EVERY_MS : SAY_EVERY_MS,
    );
    this.#timer.unref();
  }

  /** @param remark what else is worth knowing so far: "12 broken" */
  step(remark: string): void {
    this.#done += 1;
    this.#remark = remark;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#output.clear();
  }

  get #perSecond(): number {
    return this.#done / ((performance.now() - this.#startedAt) / 1000);
  }

  #draw(): void {
    this.#output.draw(`${bar(this.#done, this.#total)}${this.#text()}`);
  }

  #say(): void {
    this.#output.tellPrograms({
      event: 'progress',
      done: this.#done,
      total: this.#total ?? null,
      perSecond: Math.round(this.#perSecond * 10) / 10,
    });
    this.#output.remark(this.#text());
  }

  #text(): string {
    const of = this.#total === undefined ? '' : ` of ${count(this.#total)}`;
    const left =
      this.#total === undefined ? '' : ` · ${minutes(this.#secondsLeft(this.#total))} left`;
    const remark = this.#remark === '' ? '' : ` · ${this.#remark}`;
    return `${count(this.#done)}${of}${remark} · ${count(this.#perSecond)}/s${left}`;
  }

  #secondsLeft(total: number): number {
    return this.#done === 0 ? Infinity : Math.max(0, total - this.#done) / this.#perSecond;
  }
}

function bar(done: number, total: number | undefined): string {
  if (total === undefined || total === 0) return '';
  const filled = Math.min(BAR_WIDTH, Math.round((done / total) * BAR_WIDTH));
  return `[${'#'.repeat(filled)}${'.'.repeat(BAR_WIDTH - filled)}] `;
}

export function count(value: number): string {
  return Math.round(value).toLocaleString('en');
}

function minutes(seconds: number): string {
  if (!Number.isFinite(seconds)) return '?';
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}
