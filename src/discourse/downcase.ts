/**
 * Ruby's `downcase`, by which Discourse compares names and chooses their colours. JavaScript's differs
 * in one thing: of the `Σ` that many Greek names end in it makes `ς`, Ruby always makes `σ`.
 */
export function downcase(text: string): string {
  return text.replaceAll('Σ', 'σ').toLowerCase();
}
