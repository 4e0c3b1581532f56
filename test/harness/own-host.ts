/**
 * The loopback address of this test process: whatever its tests start listens there. The files of the suite run side by
 * side, and on 127.0.0.1 a port that one of them has closed may be another's a moment later, as the port of a listener or
 * of a mere client, so that a dead server answers and one that comes back finds its port taken. Clients need no address:
 * theirs is 127.0.0.1 whatever they connect to, as the route of 127.0.0.0/8 says, so a client never holds a port here.
 */
const ADDRESS = `127.${64 + (process.pid >> 16)}.${(process.pid >> 8) & 255}.${process.pid & 255}`;

/** Only Linux, whose process ids have 22 bits at most, has all of 127.0.0.0/8 on its loopback interface. */
export const OWN_HOST = process.platform === 'linux' ? ADDRESS : '127.0.0.1';
