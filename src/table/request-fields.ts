/** What routing may look up of a request beside its host, method and path. Only rules that ask for it pay for it. */

export interface RequestFields {
  /** As received, without the `?`; '' for none. */
  readonly query: string;
  /** The values of a field as received, in their order; `name` is in lower case. */
  values(name: string): readonly string[];
}

export const NO_FIELDS: RequestFields = { query: '', values: () => [] };
