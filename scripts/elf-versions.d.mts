export class ElfError extends Error {}
export function fitToGlibc(bytes: Buffer, glibcMinor: number): number;
export function readNeeds(bytes: Buffer): { machine: number; glibcMinor: number };
