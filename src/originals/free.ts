/**
 * Frees the memory of an original that nobody reads from any more; `bytes` is empty afterwards. Left to
 * V8 it would stay for a long time: what waits in a queue outlives the young generation, and then only a
 * collection of everything frees it. V8 counts it against its small heap as well: under load it would
 * collect twice a second, with pauses of 6 ms that hits feel.
 * @param bytes in memory of their own (`Buffer.allocUnsafeSlow`): what shares it would be gone as well
 */
export function freeOriginal({ buffer }: Buffer): void {
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}
