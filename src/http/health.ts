/** Liveness and readiness: different questions, different answers. */
import type { FastifyPluginCallback } from 'fastify';
import { AvatarError } from '../errors.ts';
import { sendProblem } from './problems.ts';

type Readiness = {
  /** @throws AvatarError why no new requests should come here */
  check(): Promise<void>;
  /** @throws AvatarError why they should not, were there nobody else to take them */
  checkServing(): Promise<void>;
};

type Liveness = {
  /** @throws AvatarError why this process should be replaced */
  check(): void;
};

type HealthRoutesOptions = { readonly readiness: Readiness; readonly liveness: Liveness };

export const healthRoutes: FastifyPluginCallback<HealthRoutesOptions> = (
  app,
  { readiness, liveness },
  done,
) => {
  const questions = [
    ['/healthz', 'alive', () => liveness.check()],
    ['/readyz', 'ready', () => readiness.check()],
    ['/servez', 'serving', () => readiness.checkServing()],
  ] as const;
  for (const [path, status, check] of questions) {
    app.get(path, async (request, reply) => {
      try {
        await check();
      } catch (thrown) {
        const error = AvatarError.from(thrown);
        sendProblem(error, request, reply);
        // Nobody was refused an avatar: it must not be counted as such.
        request.outcome = { name: 'health', error };
        return reply;
      }
      request.outcome = { name: 'health' };
      return await reply.header('cache-control', 'no-store').send({ status });
    });
  }
  done();
};
