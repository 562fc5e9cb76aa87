/**
 * Whether each segment of a key is a name: none is empty, `.` or `..`, which a file system, a proxy or a
 * client on the way would resolve, and then ask for something else.
 */
export function hasPlainSegments(key: string): boolean {
  return key.split('/').every((segment) => segment !== '' && segment !== '.' && segment !== '..');
}
