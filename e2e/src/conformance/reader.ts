import { differences } from './differences.js'

/** Reads what goes over one connection in one direction, and gives it back in a form in which both ways can be compared. */
export interface Reader {
  /** Everything read so far. */
  readonly text: string
  feed(bytes: string): void
}

/** Byte for byte. */
export class ByteReader implements Reader {
  text = ''

  feed(bytes: string): void {
    this.text += bytes
  }
}

/** What the two directions of a visitor's connection have to know of each other. */
export class Conversation {
  /** Methods of the requests so far. */
  readonly methods: string[] = []
  /** The last request asked for an upgrade, and was answered so. */
  upgrade: 'none' | 'asked' | 'accepted' = 'none'
}

/**
 * Reads well-formed messages and takes away what may differ (differences.ts), nothing else: heads and bodies stay byte for byte.
 * It believes everything it reads; it is no parser for anything but the cases of these tables.
 */
abstract class MessageReader implements Reader {
  text = ''
  #held = ''
  #state: 'head' | 'length' | 'size' | 'chunk' | 'chunkEnd' | 'trailers' | 'asked' | 'rest' = 'head'
  #left = 0

  feed(bytes: string): void {
    this.#held += bytes
    while (this.#step()) {}
  }

  /** Returns how the body is found. `head` ends in the empty line. */
  protected abstract readHead(head: string): Body

  protected abstract get upgrade(): Conversation['upgrade']

  #step(): boolean {
    switch (this.#state) {
      case 'head':
        return this.#readHead()
      case 'length':
      case 'chunk':
        return this.#readBody()
      case 'chunkEnd':
        return this.#readChunkEnd()
      case 'size':
        return this.#readSize()
      case 'trailers':
        return this.#readTrailers()
      case 'asked':
        if (this.upgrade === 'asked') return false
        this.#state = this.upgrade === 'accepted' ? 'rest' : 'head'
        return true
      case 'rest':
        this.text += this.#held
        this.#held = ''
        return false
    }
  }

  #readHead(): boolean {
    const end = this.#held.indexOf('\r\n\r\n')
    if (end < 0) return false
    const body = this.readHead(this.#take(end + 4))
    if (typeof body === 'number') this.#left = body
    this.#state = body === 'chunked' ? 'size' : typeof body === 'string' ? body : body > 0 ? 'length' : 'head'
    return true
  }

  #readBody(): boolean {
    const part = this.#take(Math.min(this.#left, this.#held.length))
    this.text += part
    this.#left -= part.length
    if (this.#left > 0) return false
    this.#state = this.#state === 'chunk' ? 'chunkEnd' : 'head'
    return true
  }

  #readChunkEnd(): boolean {
    if (this.#held.length < 2) return false
    this.#take(2)
    this.#state = 'size'
    return true
  }

  #readSize(): boolean {
    const end = this.#held.indexOf('\r\n')
    if (end < 0) return false
    this.#left = Number.parseInt(this.#take(end + 2), 16)
    this.#state = this.#left === 0 ? 'trailers' : 'chunk'
    return true
  }

  #readTrailers(): boolean {
    const end = this.#held.startsWith('\r\n') ? 0 : this.#held.indexOf('\r\n\r\n') + 2
    if (end === 1) return false
    // differences.Chunks: of the chunks, only the last one is kept, to show that it came.
    this.text += `0\r\n${this.#take(end + 2)}`
    this.#state = 'head'
    return true
  }

  #take(length: number): string {
    const taken = this.#held.slice(0, length)
    this.#held = this.#held.slice(length)
    return taken
  }
}

/** Bytes of Content-Length, chunks, everything to come, or everything once the upgrade that was asked for is accepted. */
type Body = number | 'chunked' | 'rest' | 'asked'

/** The lines that the edge adds to a request for `host`. */
type Forwarding = (host: string) => string

/** What the visitor sends, or what the app receives; the latter with what the edge adds. */
export class RequestReader extends MessageReader {
  readonly #conversation: Conversation
  readonly #forwarding: Forwarding | undefined

  constructor(conversation: Conversation, forwarding?: Forwarding) {
    super()
    this.#conversation = conversation
    this.#forwarding = forwarding
  }

  protected get upgrade() {
    return this.#conversation.upgrade
  }

  protected readHead(head: string): Body {
    const body = bodyLength(head) ?? 0
    const asked = body === 0 && /^Connection:.*\bupgrade\b/im.test(head) && /^Upgrade:/im.test(head)
    const own = this.#forwarding === undefined ? head : withoutForwarding(head, this.#forwarding)
    this.text += differences['Hop-by-hop fields'](differences.Versions(own))
    if (this.#forwarding === undefined) {
      this.#conversation.methods.push(head.slice(0, head.indexOf(' ')))
      if (asked) this.#conversation.upgrade = 'asked'
    }
    return asked ? 'asked' : body
  }
}

/** What the app sends, or what the visitor receives. */
export class AnswerReader extends MessageReader {
  readonly #conversation: Conversation
  #answers = 0

  constructor(conversation: Conversation) {
    super()
    this.#conversation = conversation
  }

  protected get upgrade() {
    return this.#conversation.upgrade
  }

  protected readHead(head: string): Body {
    this.text += differences['Hop-by-hop fields'](differences.Versions(head))
    const status = Number(/ ([0-9]{3})/.exec(head)![1])
    if (status === 101) {
      this.#conversation.upgrade = 'accepted'
      return 'rest'
    }
    if (status < 200) return 0
    this.#conversation.upgrade = 'none'
    const method = this.#conversation.methods[this.#answers++]
    if (method === 'HEAD' || status === 204 || status === 304) return 0
    return bodyLength(head) ?? 'rest'
  }
}

function bodyLength(head: string): number | 'chunked' | undefined {
  if (/^Transfer-Encoding:/im.test(head)) return 'chunked'
  const length = /^Content-Length:[ \t]*([0-9]+)/im.exec(head)
  return length === null ? undefined : Number(length[1])
}

function withoutForwarding(head: string, forwarding: Forwarding): string {
  const host = /^Host:[ \t]*(.*?)[ \t]*\r\n/im.exec(head)?.[1] ?? ''
  return differences['Forwarding fields'](head, forwarding(host))
}
