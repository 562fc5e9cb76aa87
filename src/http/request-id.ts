import type { IncomingMessage } from 'node:http';

const LONGEST = 128;
const USABLE = /^[\w.:=+/-]+$/;

const instance = `${process.pid.toString(36)}-${Date.now().toString(36)}`;
let count = 0;

/** The id the front gave the request, unless it could forge a log line; else one of ours. */
export function requestId({ headers }: Pick<IncomingMessage, 'headers'>): string {
  const given = headers['x-request-id'];
  if (typeof given === 'string' && given.length <= LONGEST && USABLE.test(given)) return given;
  count += 1;
  return `${instance}-${count}`;
}
