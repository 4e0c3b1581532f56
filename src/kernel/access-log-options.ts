/** What the access log is to be (shared/spec logs §1.3, §2.5–§2.7): made by the settings, obeyed by workers and the writer. */

export type AccessLogFormat = 'common' | 'genericCLF' | 'extended' | 'json';
/** Whose names and forms: those of Traefik 1.7, or of Traefik 3. */
export type AccessLogNames = '1.7' | '3';
export type FieldMode = 'keep' | 'drop';
export type HeaderMode = 'keep' | 'drop' | 'redact';

/** The mode of all names that are not among `names`. */
export type Modes<Mode> = { readonly defaultMode: Mode; readonly names: readonly (readonly [string, Mode])[] };

export type AccessLogFilters = {
  /** From, to; both are in it. */
  readonly statuses: readonly (readonly [number, number])[];
  readonly retryAttempts: boolean;
  /** 0: none. */
  readonly minDurationMs: number;
};

export type SyslogTarget = {
  readonly protocol: 'udp' | 'tcp';
  readonly host: string;
  readonly port: number;
  /** RFC 5424 §6.2.1 */
  readonly facility: number;
};

export type AccessLogOptions = {
  readonly format: AccessLogFormat;
  readonly names: AccessLogNames;
  /** '': stdout. */
  readonly filePath: string;
  /** In the place of a file; null: none. */
  readonly syslog: SyslogTarget | null;
  /** Lines that may wait in one worker. */
  readonly mostLines: number;
  readonly filters: AccessLogFilters;
  /** By their names in `names`. */
  readonly fields: Modes<FieldMode>;
  /** Names in lower case. */
  readonly headers: Modes<HeaderMode>;
  readonly queryParameters: FieldMode;
  /** Requests to the admin address have lines as well. */
  readonly internals: boolean;
  /** Our own fields. */
  readonly extras: boolean;
  /** Share of the uneventful lines, 0 to 1. */
  readonly sampling: number;
  /** Behind `@` in the names of Traefik 3. */
  readonly provider: string;
};
