/** What to do about a prefix without keys. */
import { seen } from '../format.js';
import { html } from '../preact.js';
import { useAnswer } from '../store.js';

export function FirstKeys() {
  const { data } = useAnswer('nodes');
  const prefix = seen(data?.prefix ?? '/traefik').replace(/\/$/, '');
  return html`<pre class="wire"><code>etcdctl put ${prefix}/backends/backend1/servers/server1/url http://10.0.0.11:8081${'\n'}etcdctl put ${prefix}/frontends/frontend1/backend backend1</code></pre>`;
}

export function NoKeys() {
  return html`<div class="empty">No key makes a route yet. The first two:<${FirstKeys} /></div>`;
}
