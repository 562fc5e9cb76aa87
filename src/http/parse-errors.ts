/** What Node refuses, or would leave alone, before there is a request: no route and no hook ever sees it. */
import { STATUS_CODES } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { AvatarError, type FaultCode } from '../errors.ts';
import type { AccessLog } from './access-log.ts';
import type { Connections } from './connections.ts';
import { type Headers, problemHeaders } from './headers.ts';
import { ALLOWED, problemDocument } from './problems.ts';

/** By Node's names; all others are about what is no HTTP. */
const CODES: Readonly<Record<string, FaultCode>> = {
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
};

/** For what the parser gave up: answers, if there is anybody to answer, and closes the connection. */
export function refuse(
  { code = '', message }: NodeJS.ErrnoException,
  socket: Duplex,
  connections: Connections,
  log: Pick<AccessLog, 'refused'>,
): void {
  // There is one to come; what could not be read may be its body, which nobody reads.
  if (connections.endAnswered(socket)) return;
  // The parser's own fixed words: nothing of what was sent.
  answer(new AvatarError(CODES[code] ?? 'request_malformed', { detail: message }), socket, log);
}

/** Of CONNECT, for which Node has no response: there is the bare connection, and nobody else who hears of it. */
export function refuseTunnel(
  socket: Duplex,
  connections: Connections,
  log: Pick<AccessLog, 'refused'>,
): void {
  socket.on('error', () => socket.destroy());
  if (connections.endAnswered(socket)) return;
  const error = new AvatarError('method_not_allowed', { detail: 'CONNECT' });
  answer(error, socket, log, { allow: ALLOWED });
}

function answer(
  error: AvatarError,
  socket: Duplex,
  log: Pick<AccessLog, 'refused'>,
  own: Headers = {},
): void {
  // A connection that broke, or one that was refused and goes on sending.
  if (!socket.writable) return;
  const close = (): void => void socket.destroy();
  // Opened in advance and never used, as browsers do: a reply would come to whatever they ask at last.
  if (socket instanceof Socket && socket.bytesRead === 0) {
    close();
    return;
  }
  const { status, publicMessage } = error;
  const body = problemDocument(status, publicMessage, error.code);
  log.refused(error, body.byteLength);
  socket.end(Buffer.concat([headOf(status, body, own), body]), close);
}

function headOf(status: number, { byteLength }: Buffer, own: Headers): Buffer {
  const headers = {
    ...problemHeaders(status),
    ...own,
    date: new Date().toUTCString(),
    'content-length': byteLength,
    connection: 'close',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n`);
}
