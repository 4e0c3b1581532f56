export class ElfError extends Error {}
export function fitToGlibc(bytes: Buffer, glibcMinor: number): number;
