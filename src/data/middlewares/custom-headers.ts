/** Sets and takes off the fields that a frontend names (shared/spec kv-schema §6.8, frontend-options §2.4, §3.11). */
import type { RequestHead } from '../../http/request-head.ts';
import type { ResponseText } from '../../http/response-text.ts';
import type { FieldValue } from '../../middlewares/header-keys.ts';
import type { HeadersOptions } from '../../middlewares/headers.ts';
import type { Middleware, ResponseFields, Scope } from '../middleware.ts';

/** One character per byte. */
function asBytes(value: string): string {
  return Buffer.from(value).toString('latin1');
}

export class CustomRequestHeaders implements Middleware {
  private readonly fields: readonly FieldValue[];

  constructor({ customRequestHeaders }: HeadersOptions) {
    this.fields = customRequestHeaders.map(([name, value]) => [name.toLowerCase(), value]);
  }

  request(_: Scope, head: RequestHead): null {
    for (const [name, value] of this.fields) head.setField(name, head.latin1 ? asBytes(value) : value);
    return null;
  }
}

export class CustomResponseHeaders implements Middleware, ResponseFields {
  private readonly onLocalReplies: boolean;
  private readonly fields: readonly FieldValue[];
  private readonly added: readonly FieldValue[];
  /** Lower case. */
  private readonly removed: readonly string[];

  constructor(options: HeadersOptions) {
    const bytes = ([name, value]: FieldValue): FieldValue => [name, asBytes(value)];
    this.onLocalReplies = options.onLocalReplies;
    this.fields = options.customResponseHeaders.map(bytes);
    this.added = options.addResponseHeaders.map(bytes);
    this.removed = options.removeResponseHeaders.map((name) => name.toLowerCase());
  }

  static isAsked(options: HeadersOptions): boolean {
    const { customResponseHeaders, addResponseHeaders, removeResponseHeaders } = options;
    return customResponseHeaders.length + addResponseHeaders.length + removeResponseHeaders.length > 0;
  }

  response(_: Scope, response: ResponseText): undefined {
    this.edit(response);
  }

  page(_: Scope, _head: RequestHead, response: ResponseText): void {
    this.edit(response);
  }

  private edit(response: ResponseText): void {
    if (response.opensWebSocket) return;
    if (response.isLocal && !this.onLocalReplies) return;
    for (const [name, value] of this.fields) {
      if (value === '') response.remove(name.toLowerCase());
      else response.set(name, value);
    }
    for (const [name, value] of this.added) response.add(name, value);
    for (const name of this.removed) response.remove(name);
  }
}
