const BEGIN = '// normalize-accept\n';
const END = '// /normalize-accept';

/**
 * The template with this code between its two marks, indented as they are.
 * @throws Error when the template has no such marks
 */
export function withFunction(template: string, code: string): string {
  const from = template.indexOf(BEGIN);
  const to = template.indexOf(END);
  if (from === -1 || to < from) throw new Error('no place for the function');
  const indent = template.slice(template.lastIndexOf('\n', from) + 1, from);
  const lines = code.trimEnd().split('\n');
  const indented = lines.map((line) => (line === '' ? line : indent + line)).join('\n');
  const head = template.slice(0, from + BEGIN.length);
  return `${head}${indented}\n${indent}${template.slice(to)}`;
}
