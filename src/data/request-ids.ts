/**
 * What gives a request its name (shared/spec logs §2.4, frontend-options §3.12): its server, an auth server, mirrors and all
 * further tries are told, and its line of the access log has it. What holds for all comes before anything looks at the head;
 * a frontend that has a word of its own takes that back (`restore`) and begins anew.
 */

import { bitOf } from '../http/name-bits.ts';
import type { RequestHead } from '../http/request-head.ts';
import { CharacterSet } from '../kernel/characters.ts';
import type { RequestIdMode } from '../kernel/request-id-mode.ts';
import { uuidV7 } from '../kernel/uuid.ts';
import type { Marks } from './exchange/marks.ts';

/** What may be one: it goes into logs, and from there anywhere. */
const ID = new CharacterSet('09AZaz', '._~+/=:@-');
const MAX_ID = 128;
/** Nothing of that name has come. */
const NONE: readonly string[] = Object.freeze([]);

export const DEFAULT_FIELD = 'x-request-id';

/** The exchange, as far as its name goes. */
export interface Named {
  readonly marks: Pick<Marks, 'wall'>;
  /** '' for none. */
  requestId: string;
  /** What the client has sent in the field where our id stands now; null: nothing of ours stands there. */
  replacedIds: readonly string[] | null;
}

function isId(text: string): boolean {
  return text !== '' && text.length <= MAX_ID && ID.spans(text);
}

export class RequestIds {
  readonly mode: RequestIdMode;
  private readonly field: string;
  private readonly bit: number;
  /** Whose ids are kept; null: those of trusted peers. */
  private readonly trust: boolean | null;

  /** `field`: in lower case. */
  constructor(mode: RequestIdMode, field = DEFAULT_FIELD, trust: boolean | null = null) {
    this.mode = mode;
    this.field = field;
    this.bit = bitOf(field);
    this.trust = trust;
  }

  /** The request gets its id, or keeps it. Whom to trust is settled. */
  name(exchange: Named, head: RequestHead): void {
    const { mode, field, bit } = this;
    if (mode === 'off') {
      exchange.requestId = '';
      return;
    }
    const given = head.mayHave(bit) ? head.values(field) : NONE;
    if (given.length === 1 && isId(given[0]) && (mode === 'pass' || (this.trust ?? head.trusted))) {
      exchange.requestId = given[0];
    } else if (mode === 'on') {
      if (exchange.requestId === '') exchange.requestId = uuidV7(Math.floor(exchange.marks.wall));
      if (given.length > 0) head.setField(field, '');
      head.addLines(`${field}: ${exchange.requestId}\r\n`, bit);
      exchange.replacedIds = given;
    } else {
      exchange.requestId = '';
    }
  }

  /** As if `name` had not been called: the head has what the client has sent. An id of ours stays for whoever names it next. */
  restore(exchange: Named, head: RequestHead): void {
    const { replacedIds } = exchange;
    if (replacedIds === null) {
      exchange.requestId = '';
      return;
    }
    exchange.replacedIds = null;
    head.setField(this.field, '');
    for (const id of replacedIds) head.add(this.field, id);
  }
}
