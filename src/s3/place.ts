/** A bucket, and where an operator has named it. */
export type S3Place = {
  readonly bucket: string;
  /** What all keys begin with, as it is: empty, or ending with a slash. */
  readonly prefix: string;
  /** The variable to mend when something is wrong with it. */
  readonly variable: 'AVATAR_ORIGINALS' | 'AVATAR_VARIANTS';
};

/** For logs and metrics. */
export function nameOf({ bucket, prefix }: Pick<S3Place, 'bucket' | 'prefix'>): string {
  return `s3://${bucket}/${prefix}`.replace(/\/$/, '');
}
