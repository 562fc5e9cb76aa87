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

  constructor(issues: readonly ConfigIssue[]) {
    const lines = issues.map(
      ({ variable, value, allowed }) => `  ${variable}=${JSON.stringify(value)}: ${allowed}`,
    );
    super(['The configuration cannot be used:', ...lines].join('\n'));
    this.issues = issues;
  }
}
