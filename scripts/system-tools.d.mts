export const TEST_TOOLS: readonly string[];
export function provideTools(names: readonly string[]): string;
