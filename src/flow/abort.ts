/**
 * Settles as `work` does, or rejects with the signal's reason as soon as it is aborted: not
 * everything below listens to signals (a look-up of credentials, a hung network file system).
 * @param onLate is given a result that comes too late, to free what it holds
 */
export async function orAbort<T>(
  work: Promise<T>,
  signal: AbortSignal,
  onLate?: (value: T) => void,
): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const leave = (): void => {
    // A late failure has nobody left to interest; late success may hold a socket.
    work.then(onLate, () => undefined);
    reject(signal.reason);
  };
  if (signal.aborted) leave();
  else signal.addEventListener('abort', leave, { once: true });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', leave);
  }
}
