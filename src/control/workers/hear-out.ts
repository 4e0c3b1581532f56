/** What a worker says, to its last words. */
import { type MessagePort, receiveMessageOnPort, type Worker } from 'node:worker_threads';

/**
 * Hands every message of `port`, whose other end `thread` has, to `heard`, and calls `ended` behind the last of them.
 * While this thread is busy, node tells of the end of a worker before the messages that it sent: why it failed is there.
 */
export function hearOut<Message>(
  thread: Worker,
  port: MessagePort,
  heard: (message: Message) => void,
  ended: () => void,
): void {
  port.on('message', heard);
  thread.on('exit', () => {
    for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port)) {
      heard(next.message as Message);
    }
    port.close();
    ended();
  });
}
