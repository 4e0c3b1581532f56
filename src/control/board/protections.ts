/** What guards a backend, in words. */
import type { Backend } from '../../model/model.ts';

export function protectionOf({ circuitBreaker, maxConn, healthCheck, sticky, options }: Backend): string {
  const words = [
    healthCheck === undefined ? '' : 'check',
    circuitBreaker === undefined ? '' : 'breaker',
    maxConn === undefined ? '' : 'limit',
    sticky === undefined ? '' : 'sticky',
    ...Object.keys(options ?? {}),
  ];
  return words.filter((word) => word !== '').join(', ');
}
