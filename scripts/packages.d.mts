export function whyNotInstalled(root: string, production: boolean): string;
export function installPackages(root: string, production: boolean): string;
