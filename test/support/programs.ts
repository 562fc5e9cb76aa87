import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Debian has servers where ordinary users do not look for programs. */
const FURTHER_FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/usr/bin'];

/** @returns where a program is, or undefined when it is not installed */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...FURTHER_FOLDERS];
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
