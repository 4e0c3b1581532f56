/* Before anything is drawn, so that nothing flashes: the theme that was chosen, or that of the system. */
(() => {
  let chosen = null;
  try {
    chosen = localStorage.getItem('tsuji.theme');
  } catch {
    // Storage is forbidden.
  }
  const dark = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
  document.documentElement.dataset.theme = chosen ?? dark;
})();
