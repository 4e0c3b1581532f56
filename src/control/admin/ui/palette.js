/** Search over everything that has a name, and the list of keys: two dialogs. */
import { seen } from './format.js';
import { icon } from './icons.js';
import { KEY_LIST } from './keys.js';
import { SCREENS } from './nav.js';
import { address } from './place.js';
import { html, useEffect, useLayoutEffect, useRef, useState } from './preact.js';
import { ask, set, useStore } from './store.js';

/** While somebody types, ms. */
const PAUSE = 100;
const MOST = 8;
const SHAPES = {
  frontend: 'frontends',
  host: 'frontends',
  certificate: 'certificates',
  screen: 'overview',
  explain: 'explain',
};

function screensLike(text) {
  const wanted = text.toLowerCase();
  return SCREENS.filter(([, word]) => wanted !== '' && word.toLowerCase().includes(wanted)).map(([name, word]) => ({
    kind: 'screen',
    text: word,
    detail: '',
    href: address(name),
  }));
}

const isUrl = (text) => /^https?:\/\/[^/\s]+/i.test(text);

function useHits(text) {
  const [hits, setHits] = useState([]);
  useEffect(() => {
    const wanted = text.trim();
    const own = isUrl(wanted)
      ? [{ kind: 'explain', text: `Explain ${wanted}`, detail: '', href: address('explain', { url: wanted }) }]
      : screensLike(wanted);
    if (wanted === '') {
      setHits([]);
      return undefined;
    }
    const abort = new AbortController();
    const timer = setTimeout(async () => {
      try {
        const answer = await ask(`search?q=${encodeURIComponent(wanted)}`, abort.signal);
        const found = answer.hits.map((hit) => ({ ...hit, href: `#${hit.place}` }));
        setHits([...own, ...found].slice(0, MOST));
      } catch {
        if (!abort.signal.aborted) setHits(own);
      }
    }, PAUSE);
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [text]);
  return hits;
}

function Dialog({ label, onClose, children, className = '' }) {
  const box = useRef(null);
  useLayoutEffect(() => {
    const before = document.activeElement;
    box.current.showModal();
    return () => before?.focus?.({ preventScroll: true });
  }, []);
  const onClick = (event) => {
    if (event.target === box.current) onClose();
  };
  return html`<dialog ref=${box} class=${className} aria-label=${label} onClose=${onClose} onClick=${onClick}>${children}</dialog>`;
}

function Search({ close }) {
  const [text, setText] = useState('');
  const [at, setAt] = useState(0);
  const hits = useHits(text);
  const go = (hit) => {
    if (hit === undefined) return;
    close();
    location.hash = hit.href;
  };
  const onKeyDown = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined && hits.length > 0) {
      event.preventDefault();
      setAt((at + step + hits.length) % hits.length);
    } else if (event.key === 'Enter') {
      event.preventDefault();
      go(hits[at]);
    }
  };
  const onInput = (event) => {
    setText(event.target.value);
    setAt(0);
  };
  const input = useRef(null);
  useLayoutEffect(() => input.current.focus(), []);
  return html`<input ref=${input} role="combobox" aria-expanded=${String(hits.length > 0)} aria-controls="hits" aria-activedescendant=${hits.length > 0 ? `hit-${at}` : undefined} aria-label="Search" placeholder="Frontend, backend, server, address, host, certificate, or a URL" value=${text} onInput=${onInput} onKeyDown=${onKeyDown} spellcheck=${false} autocomplete="off" />
    <ul id="hits" role="listbox" aria-label="What was found">${hits.map((hit, index) => html`<li id=${`hit-${index}`} role="option" aria-selected=${String(index === at)} onMouseEnter=${() => setAt(index)} onClick=${() => go(hit)}>${icon(SHAPES[hit.kind] ?? 'backends', 'mut')}<span class="cut">${seen(hit.text)}</span><span class="cut mut">${seen(hit.detail)}</span><span class="kind">${seen(hit.kind)}</span></li>`)}</ul>
    <p class="empty" role="status">${text.trim() !== '' && hits.length === 0 ? 'Nothing has such a name.' : ''}</p>`;
}

export function Palette() {
  const open = useStore((now) => now.palette);
  if (!open) return null;
  const close = () => set({ palette: false });
  return html`<${Dialog} label="Search" className="palette panel" onClose=${close}><${Search} close=${close} /><//>`;
}

export function KeyList() {
  const open = useStore((now) => now.keys);
  if (!open) return null;
  const close = () => set({ keys: false });
  return html`<${Dialog} label="Keys" onClose=${close}><h2>Keys</h2><dl class="key-list">${KEY_LIST.map(
    ([keys, what]) =>
      html`<dt>${keys
        .split(' ')
        .filter((key) => key !== '')
        .map((key) => html`<kbd>${key}</kbd> `)}</dt><dd>${what}</dd>`,
  )}</dl><p class="empty"><button class="button" onClick=${close}>Close</button> <a class="link" href="licences.txt">Licences of what this page contains</a></p><//>`;
}
