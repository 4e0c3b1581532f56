/** Content codings that we can make, as fields name them (RFC 9110 §8.4.1, RFC 7932, RFC 8878). */
export type Coding = 'gzip' | 'br' | 'zstd';

export const CODINGS: readonly Coding[] = ['gzip', 'br', 'zstd'];

export function isCoding(name: string): name is Coding {
  return (CODINGS as readonly string[]).includes(name);
}
