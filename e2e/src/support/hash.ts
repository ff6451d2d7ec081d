import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { readAll } from './visitor.js'

/** SHA-256 in hex. */
export function sha(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** An app's answer to an upload: the hash of what came. One that breaks off gets none. */
export function answerWithHash(request: IncomingMessage, response: ServerResponse): void {
  readAll(request).then(
    (body) => response.end(sha(body)),
    () => {},
  )
}
