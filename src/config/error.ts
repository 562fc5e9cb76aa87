/** What is wrong with one variable: the value it has, and what would be right. */
export type ConfigIssue = {
  readonly variable: string;
  readonly value: string;
  readonly allowed: string;
};

/** Everything that is wrong with the configuration, at once. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly issues: readonly ConfigIssue[];
  /** No mistakes by themselves, but one of them may be the reason for another. */
  readonly unknownVariables: readonly string[];

  constructor(issues: readonly ConfigIssue[], unknownVariables: readonly string[] = []) {
    const lines = issues.map(
      ({ variable, value, allowed }) => `  ${variable}=${JSON.stringify(value)}: ${allowed}`,
    );
    const unknown = unknownVariables.map((name) => `  ${name} is no variable of this version`);
    super(['The configuration cannot be used:', ...lines, ...unknown].join('\n'));
    this.issues = issues;
    this.unknownVariables = unknownVariables;
  }
}
