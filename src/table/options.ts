/**
 * What a backend or a frontend asks for beyond what routing reads. It travels through the table as one JSON text per
 * object, since nothing looks at it before the object is used: the view parses it once per generation, and whoever asks
 * for nothing has null there. A new feature adds an optional field here.
 */
import type { RedirectOptions, WhiteListOptions } from '../kernel/entrypoint-options.ts';

/** Per backend: how its servers are chosen and protected. */
// biome-ignore lint/suspicious/noEmptyInterface: fields come with their features.
export interface BackendPolicy {}

/** Per frontend: what happens to its requests before they reach the backend. */
export interface FrontendOptions {
  readonly whiteList?: WhiteListOptions;
  readonly redirect?: RedirectOptions;
}

/** '' when nothing is asked for. */
export function optionsText(options: BackendPolicy | FrontendOptions | undefined): string {
  if (options === undefined) return '';
  const text = JSON.stringify(options);
  return text === '{}' ? '' : text;
}

/** null for ''. */
export function readOptions<Options>(text: string): Options | null {
  return text === '' ? null : (JSON.parse(text) as Options);
}
