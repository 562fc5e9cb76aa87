/** The stages of a miss, in their order. A letter has only the last two. */
export const STAGES = ['shared', 'locate', 'read', 'inspect', 'wait', 'render'] as const;

type Stage = (typeof STAGES)[number];

/** On the clock of `performance.now()`. */
type StageTime = {
  readonly stage: Stage;
  readonly startedAt: number;
  readonly endedAt: number;
};

/** Where the time of one miss goes: one stage after the other, without a gap. */
export class Stages {
  readonly startedAt = performance.now();
  readonly times: StageTime[] = [];
  #stage: Stage | undefined;
  #since = this.startedAt;

  /** Ends the stage before it. */
  begin(stage: Stage): void {
    this.finish();
    this.#stage = stage;
  }

  /** Ends the last stage, however it went. */
  finish(): void {
    const now = performance.now();
    if (this.#stage !== undefined) {
      this.times.push({ stage: this.#stage, startedAt: this.#since, endedAt: now });
    }
    this.#stage = undefined;
    this.#since = now;
  }
}

/** Milliseconds by stage, for people. Both the avatar and the picture in its place may have been drawn. */
export function millisecondsOf(pieces: readonly Stages[]): Readonly<Record<string, number>> {
  const all: Record<string, number> = {};
  for (const { stage, startedAt, endedAt } of pieces.flatMap(({ times }) => times)) {
    all[stage] = (all[stage] ?? 0) + endedAt - startedAt;
  }
  return Object.fromEntries(
    Object.entries(all).map(([stage, ms]) => [stage, Math.round(ms * 10) / 10]),
  );
}

/** Hears of the work behind misses, of which several requests may share one piece. */
export interface WorkObserver {
  /** A picture was not in memory. */
  missed(): void;
  /** Somebody shares the work under way for somebody else. */
  joined(work: 'variant' | 'letter'): void;
  /** A piece of work has ended, well or not. */
  worked(stages: Stages): void;
}
