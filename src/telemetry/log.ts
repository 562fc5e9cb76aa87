/** Where the service writes what it has to say: lines of JSON on the standard output. */
import pino, { type Logger } from 'pino';
import type { Lines } from '../http/access-log.ts';
import { LineBuffer } from './line-buffer.ts';

/** Lines are gathered and written together: a write for each costs a fifth of the hit path. */
const GATHERED = { minLength: 4096, periodicFlush: 500 } as const;

/** What waits for a reader that has stopped reading; beyond that lines are lost rather than the process. */
const MOST_WAITING = 16 * 1024 * 1024;

export type Log = {
  readonly logger: Logger;
  /** For lines that are finished. */
  readonly lines: Lines & { flush(): void };
  /** Of which nobody will ever hear. */
  readonly droppedLines: number;
};

/** @returns a log, and how to write what it holds before the process ends */
export function openLog(level: string): Log & { flushSync(): void } {
  const destination = pino.destination({
    dest: 1,
    sync: false,
    ...GATHERED,
    maxLength: MOST_WAITING,
  });
  let droppedLines = 0;
  destination.on('drop', (text: string) => {
    droppedLines += text.split('\n').length - 1;
  });
  const lines = new LineBuffer((text) => destination.write(text));
  return {
    logger: pino({ level, base: null }, destination),
    lines,
    get droppedLines() {
      return droppedLines;
    },
    flushSync() {
      lines.flush();
      destination.flushSync();
    },
  };
}
