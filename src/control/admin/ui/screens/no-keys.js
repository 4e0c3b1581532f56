/** What to do about a prefix without keys. */
import { seen } from '../format.js';
import { html } from '../preact.js';
import { useAnswer } from '../store.js';

export function FirstKeys({ prefix }) {
  const root = seen(prefix).replace(/\/$/, '');
  return html`<pre class="wire"><code>etcdctl put ${root}/backends/backend1/servers/server1/url http://10.0.0.11:8081${'\n'}etcdctl put ${root}/frontends/frontend1/backend backend1</code></pre>`;
}

export function NoKeys() {
  const { prefix = '/traefik' } = useAnswer('nodes').data ?? {};
  return html`<div class="empty">No key below <code>${seen(prefix)}</code> makes a route yet; if there are keys, is that the right prefix? The first two:<${FirstKeys} prefix=${prefix} /></div>`;
}
