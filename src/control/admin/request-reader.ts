/** The requests of a connection to the admin address, from the bytes that were read of it: heads, and those bodies that are read. */
import { HeadBuffer } from './head-buffer.ts';
import { type AdminRequest, type BadRequest, parseRequest } from './request.ts';

export class RequestReader {
  private readonly buffer = new HeadBuffer();
  /** Its body is not all here. */
  private begun: AdminRequest | null = null;

  push(chunk: Buffer): void {
    this.buffer.push(chunk);
  }

  clear(): void {
    this.buffer.clear();
  }

  /** null: it is not all here. */
  next(): AdminRequest | BadRequest | null {
    if (this.begun === null) {
      const head = this.buffer.takeHead();
      if (head === null) return null;
      const request = head === 'tooLong' ? 431 : parseRequest(head);
      if (typeof request === 'number' || request.bodyLength === 0) return request;
      this.begun = request;
    }
    const request = this.begun;
    const body = this.buffer.takeBytes(request.bodyLength);
    if (body === null) return null;
    this.begun = null;
    request.body = body;
    return request;
  }
}
