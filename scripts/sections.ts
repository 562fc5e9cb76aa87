/**
 * Replaces what stands between `<!-- NAME -->` and `<!-- /NAME -->`.
 * @throws Error when the document has no such section
 */
export function withSection(document: string, name: string, content: string): string {
  const [start, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const from = document.indexOf(start);
  const to = document.indexOf(end);
  if (from === -1 || to < from) throw new Error(`no section "${name}"`);
  return `${document.slice(0, from + start.length)}\n${content}\n${document.slice(to)}`;
}
