import description from '../../package.json' with { type: 'json' };

/** Of the package. */
export const VERSION = description.version;
