/** What Node's parser refuses before there is a request: no route and no hook ever sees it. */
import { STATUS_CODES } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { AvatarError, type FaultCode } from '../errors.ts';
import type { AccessLog } from './access-log.ts';
import { problemHeaders } from './headers.ts';
import { problemDocument } from './problems.ts';

/** By Node's names; all others are about what is no HTTP. */
const CODES: Readonly<Record<string, FaultCode>> = {
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'request_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
};

/** Answers, if there is anybody to answer, and closes the connection. */
export function refuse(
  { code = '', message }: NodeJS.ErrnoException,
  socket: Duplex,
  log: Pick<AccessLog, 'refused'>,
): void {
  // A connection that broke, or one that was refused and goes on sending.
  if (!socket.writable) return;
  const close = (): void => void socket.destroy();
  // Opened in advance and never used, as browsers do: a reply would come to whatever they ask at last.
  if (socket instanceof Socket && socket.bytesRead === 0) {
    close();
    return;
  }
  // An answer that is still on its way stays whole, and is the last one.
  if (socket.writableLength > 0) {
    socket.end(close);
    return;
  }
  // The parser's own fixed words: nothing of what was sent.
  const error = new AvatarError(CODES[code] ?? 'request_malformed', { detail: message });
  const { status, publicMessage } = error;
  const body = problemDocument(status, publicMessage, error.code);
  log.refused(error, body.byteLength);
  socket.end(Buffer.concat([headOf(status, body), body]), close);
}

function headOf(status: number, { byteLength }: Buffer): Buffer {
  const headers = {
    ...problemHeaders(status),
    date: new Date().toUTCString(),
    'content-length': byteLength,
    connection: 'close',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n`);
}
