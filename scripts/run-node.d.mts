export function fail(text: string): never;
export function findNode(): string;
export function runChild(node: string, words: readonly string[]): void;
