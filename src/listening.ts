/** Opens a listener, or says which variable is in the way and what helps. */
import type { FastifyInstance } from 'fastify';
import { ConfigError } from './config/error.ts';
import type { Listener } from './config/load.ts';
import type { Variable } from './config/schema.ts';
import { codeOf } from './errors.ts';

/** Somebody else is there: today, perhaps the instance before this one. */
export class PortTaken extends Error {
  override readonly name = 'PortTaken';
}

/** In the way for as long as the configuration is what it is. */
const FOR_GOOD: Readonly<Record<string, readonly [part: keyof Listener, allowed: string]>> = {
  EACCES: ['port', 'not allowed to this user: one from 1024 up, or grant CAP_NET_BIND_SERVICE'],
  EADDRNOTAVAIL: ['host', 'this machine has no such address: one of its own, or 0.0.0.0 for all'],
  ENOTFOUND: ['host', 'there is no such name: an address of this machine'],
};

/**
 * @returns its address
 * @throws PortTaken
 * @throws ConfigError
 */
export async function listen(
  server: Pick<FastifyInstance, 'listen'>,
  listener: Listener,
  variables: Readonly<Record<keyof Listener, Variable>>,
): Promise<string> {
  try {
    return await server.listen({ ...listener });
  } catch (error) {
    const code = codeOf(error);
    if (code === 'EADDRINUSE') {
      const cure = `stop it, or choose another ${variables.port}`;
      const port = `${variables.port}="${listener.port}"`;
      throw new PortTaken(`${port}: something else listens there already: ${cure}`);
    }
    const reason = FOR_GOOD[code ?? ''];
    if (reason === undefined) throw error;
    const [part, allowed] = reason;
    throw new ConfigError([{ variable: variables[part], value: String(listener[part]), allowed }]);
  }
}
