/** What is told of settings that are not obeyed, or not as they were written. */

/** Where it was written: `store` is etcd or the folder of the routes; `default` is nowhere. */
export type Origin = 'flag' | 'environment' | 'file' | 'store' | 'default';

export type SettingWarning = {
  /** As `--help` has it, without dashes; of an option of an entrypoint `entryPoints.NAME.Option`; else the variable. */
  readonly setting: string;
  readonly origin: Origin;
  readonly reason: string;
  /** It cannot be used, and traffic or safety suffers until somebody acts. */
  readonly isRefused: boolean;
};

/** Takes why a setting is not obeyed as it was written. */
export type Warn = (setting: string, reason: string) => void;

/** The reason of what is accepted for whoever has it in their command lines. */
export const NOT_YET = 'it is accepted, but not supported yet';

/** Each once. */
export class Warnings {
  readonly #warnings = new Map<string, SettingWarning>();

  add(setting: string, origin: Origin, reason: string, isRefused = false): void {
    this.#warnings.set(`${setting}: ${reason}`, { setting, origin, reason, isRefused });
  }

  list(): SettingWarning[] {
    return [...this.#warnings.values()];
  }
}
