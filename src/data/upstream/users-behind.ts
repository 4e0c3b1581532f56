/**
 * With pipelining, the requests on a connection behind the one whose response is read. Their responses come in the order of
 * the requests (RFC 9112 §9.3.2).
 *
 *     user ◀── the response being read        [ next … last ] ◀── add, while the turn lasts
 */
import type { ResponseParser } from '../../http/response-parser.ts';
import type { Fault } from '../../kernel/errors.ts';
import type { Upstream, UpstreamUser } from './upstream.ts';
import { Discard, failAll } from './users.ts';

export class UsersBehind {
  private readonly users: UpstreamUser[] = [];
  private readonly methods: string[] = [];

  get count(): number {
    return this.users.length;
  }

  add(user: UpstreamUser, method: string): void {
    this.users.push(user);
    this.methods.push(method);
  }

  /** `user` has left: its response will be read past, on `connection`. False: it is none of them. */
  replace(user: UpstreamUser, connection: Upstream): boolean {
    const at = this.users.indexOf(user);
    if (at >= 0) this.users[at] = new Discard(connection);
    return at >= 0;
  }

  /** The next response is for the one that is returned; `parser` is told so. */
  next(parser: ResponseParser): UpstreamUser {
    const user = this.users.shift()!;
    parser.expect(user, this.methods.shift()!);
    return user;
  }

  /** Tells all of them that their try has failed. */
  fail(fault: Fault, detail: string): void {
    this.methods.length = 0;
    failAll(this.users.splice(0), fault, detail);
  }
}
