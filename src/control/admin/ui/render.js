/**
 * Tables that change in place: rows are kept by key and a cell is touched only when what it shows has changed. Long
 * tables show a part and a button for more, so a page with very many frontends stays light. Text that comes from keys
 * goes in as text nodes only, never as HTML.
 */

const PAGE_ROWS = 100;

export const byId = (id) => document.getElementById(id);

/** What has no shape of its own but hides or turns the text around it: it is shown by its number. */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

function visible(text) {
  return text.replace(HIDDEN, (character) => `\\u{${character.codePointAt(0).toString(16)}}`);
}

/** An element with a class and children; strings become text. */
export function element(tag, className = '', ...children) {
  const node = document.createElement(tag);
  if (className !== '') node.className = className;
  node.append(...children.map((child) => (typeof child === 'string' ? visible(child) : child)));
  return node;
}

export function setText(node, text) {
  const shown = visible(text);
  if (node.textContent !== shown) node.textContent = shown;
}

/**
 * A column: `label`; `text(item)`, what the cell shows; `fill(cell, item)` where that is more than plain text, called
 * when the text changes; `kind`: a class for the cells, e.g. `number`.
 */
export class Table {
  constructor(place, { columns, key, empty }) {
    this.columns = columns;
    this.key = key;
    this.emptyText = empty;
    this.rows = new Map();
    this.limit = PAGE_ROWS;
    this.items = [];
    const labels = columns.map(({ label, kind = '' }) => {
      const cell = element('th', kind, label);
      cell.scope = 'col';
      cell.setAttribute('role', 'columnheader');
      return cell;
    });
    const head = element('tr', '', ...labels);
    head.setAttribute('role', 'row');
    this.body = element('tbody');
    this.table = element('table', '', element('thead', '', head), this.body);
    // On narrow screens rows are laid out as blocks; the roles keep them a table for assistive technology.
    this.table.setAttribute('role', 'table');
    this.table.setAttribute('aria-labelledby', place.parentElement.getAttribute('aria-labelledby'));
    this.empty = element('p', 'empty', empty);
    this.more = element('button', 'more');
    this.more.type = 'button';
    this.more.addEventListener('click', () => {
      this.limit += PAGE_ROWS * 5;
      this.update(this.items);
    });
    place.append(this.table, this.empty, this.more);
  }

  /** `emptyText`: shown when there is no item, in place of the table's own. */
  update(items, emptyText = this.emptyText) {
    this.items = items;
    const shown = items.length > this.limit ? items.slice(0, this.limit) : items;
    const rows = new Map();
    let next = this.body.firstElementChild;
    for (const item of shown) {
      const key = this.key(item);
      const row = this.rows.get(key) ?? this.createRow();
      this.rows.delete(key);
      rows.set(key, row);
      this.updateRow(row, item);
      if (row.node === next) next = next.nextElementSibling;
      else this.body.insertBefore(row.node, next);
    }
    for (const { node } of this.rows.values()) node.remove();
    this.rows = rows;
    this.table.hidden = items.length === 0;
    this.empty.hidden = items.length !== 0;
    setText(this.empty, emptyText);
    this.more.hidden = shown.length === items.length;
    setText(this.more, `Show more (${items.length - shown.length} are not shown)`);
  }

  createRow() {
    const cells = this.columns.map(({ label, kind = '' }, index) => {
      const cell = element(index === 0 ? 'th' : 'td', kind);
      if (index === 0) cell.scope = 'row';
      cell.setAttribute('role', index === 0 ? 'rowheader' : 'cell');
      cell.dataset.label = label;
      return cell;
    });
    const node = element('tr', '', ...cells);
    node.setAttribute('role', 'row');
    return { node, cells, texts: cells.map(() => null) };
  }

  updateRow(row, item) {
    for (let i = 0; i < this.columns.length; i++) {
      const { text, fill } = this.columns[i];
      const value = text(item);
      if (row.texts[i] === value) continue;
      row.texts[i] = value;
      if (fill === undefined) row.cells[i].textContent = visible(value);
      else fill(row.cells[i], item);
    }
  }
}

/** `points`: numbers from 0 on; the newest is last. `room`: how many fill the width. */
export function drawChart(line, area, points, room) {
  const peak = Math.max(1, ...points);
  const step = 300 / (room - 1);
  const start = 300 - (points.length - 1) * step;
  const corners = points.map((value, i) => `${(start + i * step).toFixed(1)},${(76 - (value / peak) * 70).toFixed(1)}`);
  line.setAttribute('points', corners.join(' '));
  area.setAttribute('points', points.length < 2 ? '' : `${start.toFixed(1)},80 ${corners.join(' ')} 300,80`);
}

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const tenth = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });

export function countText(value) {
  return whole.format(value);
}

export function rateText(value) {
  return value < 10 ? tenth.format(value) : whole.format(value);
}

/** Seconds, or null for none. */
export function durationText(seconds) {
  if (seconds === null) return '–';
  if (seconds < 0.001) return `${whole.format(seconds * 1e6)} µs`;
  if (seconds < 1) return `${seconds < 0.01 ? tenth.format(seconds * 1e3) : whole.format(seconds * 1e3)} ms`;
  return `${tenth.format(seconds)} s`;
}

/** A span of time in its two largest units. */
export function spanText(seconds) {
  const units = [
    ['d', 86_400],
    ['h', 3600],
    ['min', 60],
    ['s', 1],
  ];
  const from = Math.max(
    units.findIndex(([, size]) => seconds >= size),
    0,
  );
  if (seconds < 1) return '0 s';
  const [name, size] = units[from];
  const first = `${Math.floor(seconds / size)} ${name}`;
  if (from === units.length - 1) return first;
  const [smallName, smallSize] = units[from + 1];
  return `${first} ${Math.floor((seconds % size) / smallSize)} ${smallName}`;
}
