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

export class CustomHeaders implements Middleware, ResponseFields {
  private readonly onLocalReplies: boolean;
  private readonly requestFields: readonly FieldValue[];
  private readonly responseFields: readonly FieldValue[];
  private readonly added: readonly FieldValue[];
  /** Lower case. */
  private readonly removed: readonly string[];

  constructor(options: HeadersOptions) {
    const bytes = ([name, value]: FieldValue): FieldValue => [name, asBytes(value)];
    this.onLocalReplies = options.onLocalReplies;
    this.requestFields = options.customRequestHeaders.map(([name, value]) => [name.toLowerCase(), value]);
    this.responseFields = options.customResponseHeaders.map(bytes);
    this.added = options.addResponseHeaders.map(bytes);
    this.removed = options.removeResponseHeaders.map((name) => name.toLowerCase());
  }

  request(_: Scope, head: RequestHead): null {
    for (const [name, value] of this.requestFields) head.setField(name, head.latin1 ? asBytes(value) : value);
    return null;
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
    for (const [name, value] of this.responseFields) {
      if (value === '') response.remove(name.toLowerCase());
      else response.set(name, value);
    }
    for (const [name, value] of this.added) response.add(name, value);
    for (const name of this.removed) response.remove(name);
  }
}
