import { once } from 'node:events'
import { control, frame } from 'tunnel-bench/survival/rogue'
import { FrameType, LINK_PATH, SUBPROTOCOL } from 'tunnel-protocol'
import { WebSocket } from 'ws'
import { within } from './within.js'
import type { World } from './world.js'

export { control, frame }

/** The frames in a run of bytes; the last one may be incomplete and is left out. */
function framesOf(bytes: Buffer): Array<{ type: number; payload: Buffer }> {
  const frames = []
  for (let at = 0; at + 10 <= bytes.length; ) {
    const end = at + 10 + bytes.readUInt32BE(at + 6)
    if (end > bytes.length) break
    frames.push({ type: bytes[at]!, payload: bytes.subarray(at + 10, end) })
    at = end
  }
  return frames
}

/** One end of a link that says whatever a test wants: a peer that no code of ours speaks for. */
export class BareLink {
  readonly socket: WebSocket
  #received = Buffer.alloc(0)

  constructor(socket: WebSocket) {
    this.socket = socket
    socket.on('message', (data: Buffer) => {
      this.#received = Buffer.concat([this.#received, data])
    })
    socket.on('error', () => {})
  }

  send(bytes: Buffer | string): void {
    this.socket.send(bytes)
  }

  controls(): Array<Record<string, unknown>> {
    return framesOf(this.#received)
      .filter(({ type }) => type === FrameType.Control)
      .map(({ payload }) => JSON.parse(payload.toString()) as Record<string, unknown>)
  }

  /** Number and words with which the peer gave the session up; undefined while it has not. */
  get goneAway(): { code: number; words: string } | undefined {
    const frame = framesOf(this.#received).find(({ type }) => type === FrameType.GoAway)
    return frame && { code: frame.payload.readUInt32BE(0), words: frame.payload.toString('utf8', 4) }
  }

  /** Wait for the peer to close the link. */
  async closed(): Promise<void> {
    if (this.socket.readyState === this.socket.CLOSED) return
    await within('the peer closes the link', once(this.socket, 'close'))
  }
}

/** Open a link to the server as an agent would, without saying anything yet. */
export async function openBareLink(world: World, subprotocol: string = SUBPROTOCOL): Promise<BareLink> {
  const socket = new WebSocket(`ws://127.0.0.1:${world.port}${LINK_PATH}`, subprotocol, { perMessageDeflate: false })
  world.onLeave(async () => socket.terminate())
  const link = new BareLink(socket)
  await within('the link opens', once(socket, 'open'))
  return link
}
