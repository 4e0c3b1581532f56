/**
 * Gives each request a name, which its server, an auth server, mirrors and all further tries are told (shared/spec
 * frontend-options §3.12, logs §2.4).
 */
import type { RequestHead } from '../../http/request-head.ts';
import type { ResponseText } from '../../http/response-text.ts';
import { CharacterSet } from '../../kernel/characters.ts';
import { uuidV7 } from '../../kernel/uuid.ts';
import type { RequestIdOptions } from '../../middlewares/request-id.ts';
import type { Middleware, Scope } from '../middleware.ts';

/** What may be one: it goes into logs, and from there anywhere. */
const ID = new CharacterSet('09AZaz', '._~+/=:@-');
const MAX_ID = 128;

function isId(text: string): boolean {
  return text !== '' && text.length <= MAX_ID && ID.spans(text);
}

type Kept = { readonly id: string };

export class RequestId implements Middleware {
  private readonly options: RequestIdOptions;
  private readonly field: string;

  constructor(options: RequestIdOptions) {
    this.options = options;
    this.field = options.header.toLowerCase();
  }

  request(exchange: Scope, head: RequestHead): null {
    const { mode, trust, inResponse } = this.options;
    const values = head.values(this.field);
    let id = values.length === 1 && isId(values[0]) ? values[0] : '';
    if (mode === 'on' && (id === '' || !(trust ?? head.trusted))) {
      id = uuidV7(Date.now());
      head.setField(this.field, id);
    }
    if (inResponse && id !== '') exchange.keep(this, { id } satisfies Kept);
    return null;
  }

  response(exchange: Scope, response: ResponseText): undefined {
    const kept = exchange.kept(this) as Kept | undefined;
    if (kept !== undefined) response.set(this.options.header, kept.id);
  }
}
