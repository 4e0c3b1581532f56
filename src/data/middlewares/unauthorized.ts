/** The answer to whoever did not say who he is (shared/spec frontend-options §1.3). */
import { FAULTS } from '../../kernel/errors.ts';
import { localReply, type Reply } from '../reply.ts';

/** `challenge`: value of WWW-Authenticate. */
export function unauthorized(challenge: string): Reply {
  const reply = localReply(FAULTS.unauthorized);
  return { ...reply, head: `401 Unauthorized\r\nContent-Type: text/plain\r\nWWW-Authenticate: ${challenge}` };
}
