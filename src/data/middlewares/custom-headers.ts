/** Sets and takes off the fields that a frontend names (shared/spec kv-schema §6.8, frontend-options §2.4, §3.11). */
import type { RequestHead } from '../../http/request-head.ts';
import { ResponseField, type ResponseText } from '../../http/response-text.ts';
import type { FieldValue } from '../../middlewares/header-keys.ts';
import type { HeadersOptions } from '../../middlewares/headers.ts';
import type { Middleware, ResponseFields, Scope } from '../middleware.ts';

export class CustomRequestHeaders implements Middleware {
  private readonly fields: readonly FieldValue[];
  /** The same, one character per byte. */
  private readonly bytes: readonly FieldValue[];

  constructor({ customRequestHeaders }: HeadersOptions) {
    this.fields = customRequestHeaders.map(([name, value]) => [name.toLowerCase(), value]);
    this.bytes = this.fields.map(([name, value]) => [name, Buffer.from(value).toString('latin1')]);
  }

  request(_: Scope, head: RequestHead): null {
    for (const [name, value] of head.latin1 ? this.bytes : this.fields) head.setField(name, value);
    return null;
  }
}

function responseField([name, value]: FieldValue): ResponseField {
  return new ResponseField(name, value);
}

export class CustomResponseHeaders implements Middleware, ResponseFields {
  private readonly onLocalReplies: boolean;
  /** Lower case: taken off before others are set. */
  private readonly emptied: readonly string[];
  private readonly fields: readonly ResponseField[];
  private readonly added: readonly ResponseField[];
  /** Lower case: taken off in the end. */
  private readonly removed: readonly string[];

  constructor(options: HeadersOptions) {
    const { customResponseHeaders, addResponseHeaders, removeResponseHeaders } = options;
    this.onLocalReplies = options.onLocalReplies;
    this.emptied = customResponseHeaders.filter(([, value]) => value === '').map(([name]) => name.toLowerCase());
    this.fields = customResponseHeaders.filter(([, value]) => value !== '').map(responseField);
    this.added = addResponseHeaders.map(responseField);
    this.removed = removeResponseHeaders.map((name) => name.toLowerCase());
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
    for (const name of this.emptied) response.remove(name);
    for (const field of this.fields) response.setField(field);
    for (const field of this.added) response.addField(field);
    for (const name of this.removed) response.remove(name);
  }
}
