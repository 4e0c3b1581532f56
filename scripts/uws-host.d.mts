export type Host = {
  readonly platform: string;
  readonly arch: string;
  readonly glibc: string;
  readonly abi: string;
};
export const OLDEST_GLIBC_MINOR: number;
export const NATIVE_GLIBC_MINOR: number;
export function readHost(): Host;
export function glibcMinorOf(glibc: string): number;
export function whyUnsupported(host: Host): string;
export function uwsFolder(): string;
