/** Preloaded into tsuji by tests (`--import`): every timeout of connections and exchanges passes 50 times as fast. */
import { TimerWheel } from '../../src/kernel/timer-wheel.ts';

const { arm } = TimerWheel.prototype;
TimerWheel.prototype.arm = function (entry, ms): void {
  arm.call(this, entry, ms / 50);
};
