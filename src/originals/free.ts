/**
 * Frees the memory of an original that nobody reads from any more; `bytes` is empty afterwards. Left to
 * V8 it would stay for a long time: bytes that wait in a queue outlive the young generation, and then only
 * a full collection frees them. V8 counts it against its small heap as well: under load it would
 * collect twice a second, with pauses of 6 ms that hits feel.
 * @param bytes in memory of their own (`Buffer.allocUnsafeSlow`): any others in it would be gone too
 */
export function freeOriginal({ buffer }: Buffer): void {
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}
