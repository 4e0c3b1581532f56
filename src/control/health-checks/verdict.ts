/**
 * What a row of checks says of one server. The first check decides at once; afterwards it takes as many in a row as `rise`
 * and `fall` say.
 *
 *     unchecked ──good──▶ up ──`fall` bad ones──▶ down
 *         └──────bad────────────────────────────▶ down ──`rise` good ones──▶ up
 */
export type HealthState = 'unchecked' | 'up' | 'down';

export class Verdict {
  state: HealthState;
  /** Checks in a row that speak against `state`. */
  against = 0;
  private decides: boolean;

  /** `state`: before its first check, which decides in any case. */
  constructor(state: HealthState) {
    this.state = state;
    this.decides = true;
  }

  /** True when the state is another one now. */
  take(good: boolean, rise: number, fall: number): boolean {
    const state: HealthState = good ? 'up' : 'down';
    if (state === this.state) this.against = 0;
    else if (++this.against >= (good ? rise : fall) || this.decides) return this.change(state);
    this.decides = false;
    return false;
  }

  /** Something else is checked from now on: what was found so far does not speak against it. */
  beginAnew(): void {
    this.against = 0;
  }

  private change(state: HealthState): true {
    this.state = state;
    this.against = 0;
    this.decides = false;
    return true;
  }
}
