/** What the connections of a listener have still to be sent, and which of them are about to end. */
import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

export class Connections {
  /** Of each the last, where it was not sent at once: answers come in the order of their requests. */
  readonly #owed = new WeakMap<Duplex, ServerResponse>();
  readonly #ending = new WeakSet<Duplex>();

  /** To be told of each request behind its handler. */
  owe(socket: Duplex, response: ServerResponse): void {
    if (!isSent(response)) this.#owed.set(socket, response);
  }

  /** What comes behind this request is no request, and the answer to this one is the last. */
  expectNoMore(socket: Duplex, response: ServerResponse): void {
    response.shouldKeepAlive = false;
    this.#ending.add(socket);
  }

  isEnding(socket: Duplex): boolean {
    return this.#ending.has(socket);
  }

  /**
   * For what cannot be answered in its turn (RFC 9112, section 9.3.2): the answers before it are sent,
   * and with the last of them the connection ends.
   * @returns whether there is one
   */
  endAnswered(socket: Duplex): boolean {
    if (this.isEnding(socket)) return true;
    const response = this.#owed.get(socket);
    if (response === undefined || isSent(response)) return false;
    this.expectNoMore(socket, response);
    // Its head may be written already, and wait for the answer before it.
    response.once('finish', () => socket.end(() => socket.destroy()));
    return true;
  }
}

/** Node says "finished" a little later. */
function isSent({ writableEnded, writableLength }: ServerResponse): boolean {
  return writableEnded && writableLength === 0;
}
