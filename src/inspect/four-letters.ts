/** The type of a PNG chunk or of a box of AVIF, written as four letters, as the number they are in a file. */
export function fourLetters(name: string): number {
  return Buffer.from(name, 'latin1').readUInt32BE(0);
}
