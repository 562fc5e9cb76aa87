/** The commands of a document: what stands in its blocks of `sh`. */

export type Command = {
  /** Set for it alone. */
  readonly variables: Record<string, string>;
  readonly words: readonly string[];
};

/** One for each line or each side of `&&`, continued lines joined, without comments. */
export function commandsOf(document: string): string[] {
  const blocks = document.matchAll(/^ *```sh\n(?<body>.*?)^ *```/gms);
  return Array.from(blocks, ({ groups }) => groups?.['body'] ?? '')
    .flatMap((body) => body.replaceAll(/\\\n\s*/g, '').split('\n'))
    .map((line) => line.replace(/(?:^|\s)#\s.*$/, '').trim())
    .flatMap((line) => line.split(/\s+&&\s+/))
    .filter((line) => line !== '');
}

/** As a shell would read it, of which there is no more in the documents: quotes and assignments. */
export function parseCommand(line: string): Command {
  const words = Array.from(line.matchAll(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g), ([word]) =>
    word.replaceAll(/'([^']*)'|"([^"]*)"/g, (_whole, single = '', double = '') => single + double),
  );
  const variables: Record<string, string> = {};
  for (const word of words) {
    const assigned = /^(?<name>[A-Z_]+)=(?<value>.*)$/s.exec(word)?.groups;
    if (assigned === undefined) break;
    variables[assigned['name'] ?? ''] = assigned['value'] ?? '';
  }
  return { variables, words: words.slice(Object.keys(variables).length) };
}
