/** Which screen an address shows. All but the first one are fetched when they are first gone to. */
import { useEffect, useState } from './preact.js';
import { Overview } from './screens/overview.js';

const loaded = (name, load) => ({ name, load: () => load().then((module) => module[name]), Component: null });

/** By the number of names behind it. */
const SCREENS = {
  overview: [{ name: 'Overview', load: null, Component: Overview }],
  frontends: [
    loaded('Frontends', () => import('./screens/frontends.js')),
    loaded('Frontend', () => import('./screens/frontend.js')),
  ],
  backends: [
    loaded('Backends', () => import('./screens/backends.js')),
    loaded('Backend', () => import('./screens/backend.js')),
    loaded('Server', () => import('./screens/server.js')),
  ],
  problems: [loaded('Problems', () => import('./screens/problems.js'))],
  events: [loaded('Events', () => import('./screens/events.js'))],
  certificates: [loaded('Certificates', () => import('./screens/certificates.js'))],
  live: [loaded('Live', () => import('./screens/live.js'))],
  explain: [loaded('Explain', () => import('./screens/explain.js'))],
  nodes: [loaded('Nodes', () => import('./screens/nodes.js'))],
  settings: [loaded('Settings', () => import('./screens/settings.js'))],
  more: [loaded('More', () => import('./screens/more.js'))],
};

/** What is unknown is the overview. */
function screenOf({ screen, names }) {
  const levels = SCREENS[screen] ?? SCREENS.overview;
  return levels[Math.min(names.length, levels.length - 1)];
}

const waits = () => null;

/** The component of a place; for the moment in which it is fetched one that shows nothing. */
export function useScreen(place) {
  const [, redraw] = useState(0);
  const screen = screenOf(place);
  useEffect(() => {
    if (screen.Component !== null) return;
    // Without contact it is asked for again with the next change of place.
    screen.load().then(
      (Component) => {
        screen.Component = Component;
        redraw((n) => n + 1);
      },
      () => {},
    );
  }, [screen]);
  return screen.Component ?? waits;
}
